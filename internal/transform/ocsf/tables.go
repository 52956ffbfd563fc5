package ocsf

import _ "embed"

// The mapping, for people to read and to extend: each file says what its columns mean.
var (
	//go:embed tables/mapping.tsv
	mappingTSV string
	//go:embed tables/classes.tsv
	classesTSV string
	//go:embed tables/activities.tsv
	activitiesTSV string
	//go:embed tables/captions.tsv
	captionsTSV string
	//go:embed tables/attributes.tsv
	attributesTSV string
	//go:embed tables/enums.tsv
	enumsTSV string
)
