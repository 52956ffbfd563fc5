package facts

import (
	"bytes"
	"net/netip"

	"o365-kafka-connector/internal/transform/tree"
)

// Address is where a request came from.
type Address struct {
	IP   netip.Addr // without a zone, an IPv4 address never mapped to IPv6; invalid if there is none
	Port uint16     // 0 if there is none
	Host []byte     // the name that stands in place of the IP address, or in front of it
}

// Known reports whether the record says anything of the address.
func (a Address) Known() bool { return a.IP.IsValid() || len(a.Host) > 0 }

// addressMembers are the members that tell the client's address, the most telling first: Exchange's mailbox records,
// most, Entra's, and those of Defender for Office 365.
var addressMembers = []string{"ClientIPAddress", "ClientIP", "ActorIpAddress", "ActorIP", "UserIp", "SenderIp"}

// ClientAddress returns the address that the record names as its client's: the first that is an IP address, else the
// first name of a host.
func ClientAddress(t *tree.Tree, record tree.Node) Address {
	var named Address
	for _, name := range addressMembers {
		a := ParseAddress(t.Text(t.Get(record, name)))
		if a.IP.IsValid() {
			return a
		}
		if len(named.Host) == 0 {
			named = a
		}
	}
	return named
}

// ParseAddress reads all spellings that records have: an IPv4 or IPv6 address, in brackets or not, with a port or not;
// IPv4 mapped to IPv6; several with commas between them, of which the first counts; a host's name, with its address in
// parentheses or not. What says nothing, such as "<null>", is no address.
func ParseAddress(text []byte) Address {
	text = bytes.TrimSpace(text)
	if first, _, several := bytes.Cut(text, []byte{','}); several {
		text = bytes.TrimSpace(first)
	}
	if a := parseIP(text); a.IP.IsValid() {
		return a
	}
	if n := len(text); n > 2 && text[0] == '[' && text[n-1] == ']' {
		text = text[1 : n-1]
	}
	host, inner, found := bytes.Cut(text, []byte{'('})
	host = bytes.TrimSpace(host)
	if found {
		a := parseIP(bytes.TrimRight(inner, ") "))
		a.Host = hostName(host)
		return a
	}
	if colon := bytes.LastIndexByte(host, ':'); colon > 0 {
		if port, ok := parsePort(host[colon+1:]); ok {
			if name := hostName(bytes.Trim(host[:colon], "[]")); name != nil {
				return Address{Host: name, Port: port}
			}
		}
	}
	return Address{Host: hostName(host)}
}

// parseIP reads an IP address with or without port.
func parseIP(text []byte) Address {
	var port uint16
	if len(text) > 0 && text[0] == '[' {
		end := bytes.IndexByte(text, ']')
		if end < 0 {
			return Address{}
		}
		if rest := text[end+1:]; len(rest) > 0 {
			var ok bool
			if port, ok = parsePort(rest[1:]); rest[0] != ':' || !ok {
				return Address{}
			}
		}
		text = text[1:end]
	} else if colon := bytes.IndexByte(text, ':'); colon > 0 && bytes.IndexByte(text[:colon], '.') > 0 {
		var ok bool
		if port, ok = parsePort(text[colon+1:]); !ok {
			return Address{}
		}
		text = text[:colon]
	}
	if ip, ok := parseIPv4(text); ok {
		return Address{IP: ip, Port: port}
	}
	if !looksLikeIPv6(text) {
		return Address{}
	}
	ip, err := netip.ParseAddr(string(text))
	if err != nil {
		return Address{}
	}
	return Address{IP: ip.Unmap().WithZone(""), Port: port}
}

// parseIPv4 reads four numbers without leading zeros, without an allocation.
func parseIPv4(text []byte) (netip.Addr, bool) {
	var ip [4]byte
	for i := range ip {
		part := text
		if i < len(ip)-1 {
			dot := bytes.IndexByte(text, '.')
			if dot < 0 {
				return netip.Addr{}, false
			}
			part, text = text[:dot], text[dot+1:]
		}
		n, ok := parsePort(part)
		if !ok || n > 255 || len(part) > 1 && part[0] == '0' {
			return netip.Addr{}, false
		}
		ip[i] = byte(n)
	}
	return netip.AddrFrom4(ip), true
}

// looksLikeIPv6 spares most texts that are none the cost of an error.
func looksLikeIPv6(text []byte) bool {
	const longest = 64 // with a zone
	if len(text) < len("::") || len(text) > longest || bytes.IndexByte(text, ':') < 0 {
		return false
	}
	c := text[0]
	return c == ':' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// parsePort reads up to five digits.
func parsePort(text []byte) (uint16, bool) {
	if len(text) == 0 || len(text) > 5 {
		return 0, false
	}
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return uint16(n), n <= 1<<16-1
}

// hostName returns the text if it can be the name of a host: letters, digits, dots, hyphens and underscores, with a
// letter among them.
func hostName(text []byte) []byte {
	const longest = 253
	if len(text) == 0 || len(text) > longest {
		return nil
	}
	letter := false
	for _, c := range text {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z':
			letter = true
		case '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_':
		default:
			return nil
		}
	}
	if !letter {
		return nil
	}
	return text
}
