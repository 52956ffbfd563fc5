// Package arch holds the tests of the tree's shape: who may import whom, how long a file may be, what a package must
// say. They look at the source alone.
package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const module = "o365-kafka-connector"

// tree is the source of a module, without tests.
type tree struct {
	root     string
	packages map[string]*pkg // by path below the module: internal/audit, cmd/connector
}

type pkg struct {
	path      string
	imports   []string // as written, sorted, each once
	files     []file
	commented bool // has a package comment
	name      string
}

type file struct {
	path      string
	lines     int
	functions []function
}

type function struct {
	name  string
	lines int // between its braces
}

// load reads all Go files below root, for every system, except tests and what Go itself ignores.
func load(root string) (tree, error) {
	t := tree{root: root, packages: map[string]*pkg{}}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		hidden := strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata"
		switch {
		case name == root:
			return nil
		case entry.IsDir() && hidden:
			return filepath.SkipDir
		case entry.IsDir(), hidden, !strings.HasSuffix(base, ".go"), strings.HasSuffix(base, "_test.go"):
			return nil
		}
		return t.add(name)
	})
	return t, err
}

func (t tree) add(name string) error {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	relative, err := filepath.Rel(t.root, name)
	if err != nil {
		return fmt.Errorf("find place in the tree: %w", err)
	}
	relative = filepath.ToSlash(relative)
	dir := path.Dir(relative)
	p := t.packages[dir]
	if p == nil {
		p = &pkg{path: dir, name: parsed.Name.Name}
		t.packages[dir] = p
	}
	p.commented = p.commented || parsed.Doc != nil
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return fmt.Errorf("read import: %w", err)
		}
		if !slices.Contains(p.imports, imported) {
			p.imports = append(p.imports, imported)
		}
	}
	slices.Sort(p.imports)
	f := file{path: relative, lines: files.File(parsed.Pos()).LineCount()}
	for _, declaration := range parsed.Decls {
		if fn, ok := declaration.(*ast.FuncDecl); ok && fn.Body != nil {
			lines := files.Position(fn.Body.Rbrace).Line - files.Position(fn.Body.Lbrace).Line - 1
			f.functions = append(f.functions, function{name: fn.Name.Name, lines: lines})
		}
	}
	p.files = append(p.files, f)
	return nil
}

// sorted returns the packages in the order of their paths.
func (t tree) sorted() []*pkg {
	var all []*pkg
	for _, key := range slices.Sorted(maps.Keys(t.packages)) {
		all = append(all, t.packages[key])
	}
	return all
}

// own returns the path below the module of an import of our own.
func own(imported string) (string, bool) { return strings.CutPrefix(imported, module+"/") }

// standard reports whether an import is of the standard library: its first element has no dot.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".") && first != module
}

// linked returns every import of a package and of those of ours that it reaches, each with the package that has it.
func (t tree) linked(from string) map[string]string {
	found := map[string]string{}
	todo := []string{from}
	seen := map[string]bool{from: true}
	for len(todo) > 0 {
		p := t.packages[todo[0]]
		todo = todo[1:]
		if p == nil {
			continue
		}
		for _, imported := range p.imports {
			found[imported] = p.path
			if next, ok := own(imported); ok && !seen[next] {
				seen[next] = true
				todo = append(todo, next)
			}
		}
	}
	return found
}
