package ocsf

import (
	"o365-kafka-connector/internal/transform/tree"
)

// kind is how a value is read from the record, and written.
type kind struct {
	// read writes what stands at a place of the record, and nothing if it is not of the kind.
	read func(e *Encoder, v *visit, n tree.Node) bool
	// own writes a value that does not stand at one place, if there is one, and reports whether it comes from the record.
	own     func(e *Encoder, v *value) bool
	loose   bool // what was read stays in unmapped, since the event does not have all of it
	table   bool // the parameter is a table of enums.tsv
	caption bool // the caption of the table's line is meant, not the number
}

// kinds are the kinds that attributes.tsv names.
var kinds map[string]kind

func init() { // kinds and what they call refer to each other
	kinds = map[string]kind{
		"text":    {read: readText},
		"int":     {read: readInt},
		"time":    {read: readTime},
		"data":    {read: readData},
		"url":     {read: readURL},
		"guid":    {read: readGUID},
		"email":   {read: readEmail},
		"emails":  {read: readEmails},
		"domain":  {read: readDomain, loose: true},
		"list":    {read: readList},
		"ip":      {read: readIP},
		"base":    {read: readBase, loose: true},
		"host":    {read: readHost, loose: true},
		"word":    {read: readWord, loose: true},
		"tag":     {read: readTag, loose: true},
		"element": {read: readElement, loose: true},
		"enum":    {read: readEnum, table: true},
		"caption": {read: readEnum, table: true, caption: true},

		"inner":       {read: readInner},
		"inner-email": {read: readInnerEmail},
		"inner-list":  {read: readInnerList},

		"const":    {own: ownConst},
		"const!":   {own: func(e *Encoder, v *value) bool { ownConst(e, v); return true }},
		"occurred": {own: ownOccurred},
		"listed":   {own: ownListed},
		"made":     {own: ownMade},
		"port":     {own: ownPort},
		"stream":   {own: ownStream},
		"profiles": {own: func(e *Encoder, _ *value) bool { e.out = append(e.out, e.row.profiles...); return false }},
		"outcome":  {own: ownOutcome},
		"severity": {own: ownSeverity},
	}
}
