package facts

import "bytes"

// User is what a user's id says.
type User struct {
	Name   []byte // what stands before the @, or behind the backslash; else all of it
	Domain []byte // what stands behind the @, or before the backslash
	Email  []byte // the id, if it has the form of an e-mail address
}

// ParseUser reads the spellings of UserId: a user principal name, DOMAIN\account with what may follow in parentheses,
// and whatever else stands there: a GUID, a SID, the name of a service, a claim such as i:0h.f|membership|….
func ParseUser(id []byte) User {
	id = bytes.TrimSpace(id)
	if at := bytes.IndexByte(id, '@'); at > 0 && at < len(id)-1 && bytes.IndexByte(id[at+1:], '@') < 0 && plain(id) {
		u := User{Name: id[:at], Domain: id[at+1:]}
		if IsEmail(id) {
			u.Email = id
		}
		return u
	}
	domain, account, found := bytes.Cut(id, []byte{'\\'})
	if !found || len(domain) == 0 || bytes.IndexByte(account, '\\') >= 0 {
		return User{Name: id}
	}
	name, _, _ := bytes.Cut(account, []byte(" ("))
	if name = bytes.TrimSpace(name); len(name) == 0 {
		return User{Name: id}
	}
	return User{Name: name, Domain: domain}
}

// plain reports whether the text has none of the characters that stand in claims and sentences.
func plain(text []byte) bool {
	for _, c := range text {
		switch c {
		case '|', '"', '<', '>', '(', ')', '\\', ',':
			return false
		}
		if c <= ' ' {
			return false
		}
	}
	return true
}

// IsEmail reports whether the text has the form of an e-mail address: the letters that mail servers take without
// quotes, one @, and a domain with a dot.
func IsEmail(text []byte) bool {
	const longest = 320
	at := bytes.IndexByte(text, '@')
	if at <= 0 || len(text) > longest {
		return false
	}
	for _, c := range text[:at] {
		if !letterOrDigit(c) && bytes.IndexByte([]byte("!#$%&'*+-/=?^_`{|}~."), c) < 0 {
			return false
		}
	}
	domain := text[at+1:]
	dot := bytes.IndexByte(domain, '.')
	for _, c := range domain {
		if !letterOrDigit(c) && c != '.' && c != '-' {
			return false
		}
	}
	return dot > 0 && domain[len(domain)-1] != '.'
}

func letterOrDigit(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}

// userTypes are the names of UserType, from 0 on.
// https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema#user-type
var userTypes = [...]string{
	"Regular", "Reserved", "Admin", "DcAdmin", "System", "Application", "ServicePrincipal", "CustomPolicy", "SystemPolicy",
	"PartnerTechnician", "Guest",
}

// UserTypeName returns Microsoft's name of a UserType.
func UserTypeName(number int64) (string, bool) {
	if number < 0 || number >= int64(len(userTypes)) {
		return "", false
	}
	return userTypes[number], true
}
