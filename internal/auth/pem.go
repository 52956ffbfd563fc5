package auth

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"regexp"
	"strings"
)

var (
	// pemBlock finds a block also where its line ends became spaces, or the letters \n, on the way through a web form, an
	// environment variable or a vault.
	pemBlock = regexp.MustCompile(`(?s)-----\s*BEGIN\s+([A-Z0-9\s]+?)\s*-----(.*?)-----\s*END\s+[A-Z0-9\s]+?\s*-----`)
	// pemCipher is the header of a key that is encrypted in the old way, which RFC 1421 calls so.
	pemCipher = regexp.MustCompile(`^\s*Proc-Type:\s*4,\s*ENCRYPTED\s+DEK-Info:\s*(\S+)\s+`)
	lineEnds  = strings.NewReplacer(`\r`, "\n", `\n`, "\n", `"`, "", `'`, "")
)

// parsePEM returns the blocks of a text; none if it holds none. Text around them is no error.
func parsePEM(text string) ([]*pem.Block, error) {
	var blocks []*pem.Block
	for _, found := range pemBlock.FindAllStringSubmatch(lineEnds.Replace(text), -1) {
		block := &pem.Block{Type: strings.Join(strings.Fields(found[1]), " "), Headers: map[string]string{}}
		body := found[2]
		if cipher := pemCipher.FindStringSubmatch(body); cipher != nil {
			block.Headers["DEK-Info"] = cipher[1]
			body = body[len(cipher[0]):]
		}
		data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(body), ""))
		if err != nil {
			return nil, fmt.Errorf("its PEM block %s is damaged: %w; copy it again, from -----BEGIN to END-----", block.Type, err)
		}
		block.Bytes = data
		blocks = append(blocks, block)
	}
	return blocks, nil
}
