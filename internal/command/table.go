package command

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// table is a Markdown table whose columns are also aligned, for terminals.
type table struct {
	title   string
	columns []string
	rows    [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// String writes the table, in the words of Cortex XSOAR if it has no rows.
func (t *table) String() string {
	var b strings.Builder
	b.WriteString("### " + t.title + "\n")
	if len(t.rows) == 0 {
		b.WriteString("**No entries.**\n")
		return b.String()
	}
	widths := make([]int, len(t.columns))
	for i, name := range t.columns {
		widths[i] = max(utf8.RuneCountInString(name), 3)
	}
	for _, row := range t.rows {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell(text)))
		}
	}
	writeHead(&b, t.columns, widths)
	for _, row := range t.rows {
		writeRow(&b, row, widths)
	}
	return b.String()
}

func writeHead(b *strings.Builder, columns []string, widths []int) {
	writeRow(b, columns, widths)
	rule := make([]string, len(columns))
	for i := range rule {
		rule[i] = strings.Repeat("-", widths[i])
	}
	writeRow(b, rule, widths)
}

func writeRow(b *strings.Builder, cells []string, widths []int) {
	for i, text := range cells {
		text = cell(text)
		b.WriteString("| " + text + strings.Repeat(" ", max(widths[i]-utf8.RuneCountInString(text), 0)+1))
	}
	b.WriteString("|\n")
}

// cell keeps what strangers wrote inside of its cell, and away from the terminal's controls.
func cell(text string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
	return strings.ReplaceAll(clean, "|", `\|`)
}
