package facts

// IsGUID reports whether the text has the form of a GUID, without braces.
func IsGUID(text []byte) bool {
	const length, hyphens = 36, 1<<8 | 1<<13 | 1<<18 | 1<<23
	if len(text) != length {
		return false
	}
	for i, c := range text {
		switch {
		case hyphens>>i&1 == 1:
			if c != '-' {
				return false
			}
		case c-'0' > 9 && (c|0x20)-'a' > 5:
			return false
		}
	}
	return true
}
