package emulator

import (
	"encoding/hex"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// mix is the finalizer of SplitMix64: a cheap, well spread hash of a number.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func hashText(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return mix(h.Sum64())
}

// fraction maps a hash to [0, 1).
func fraction(h uint64) float64 { return float64(h>>11) / (1 << 53) }

const guidLength = 36

var hexPairs = func() (pairs [256][2]byte) {
	const digits = "0123456789abcdef"
	for i := range pairs {
		pairs[i] = [2]byte{digits[i>>4], digits[i&15]}
	}
	return pairs
}()

// putGUID writes 128 bits as a version 4 GUID over the first 36 bytes of dst.
func putGUID(dst []byte, hi, lo uint64) {
	dst = dst[:guidLength]
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 1<<63
	at := 0
	for i := range 16 {
		word := hi
		if i >= 8 {
			word = lo
		}
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst[at] = '-'
			at++
		}
		pair := hexPairs[byte(word>>(56-8*(i&7)))]
		dst[at], dst[at+1] = pair[0], pair[1]
		at += 2
	}
}

func guid(hi, lo uint64) string {
	var b [guidLength]byte
	putGUID(b[:], hi, lo)
	return string(b[:])
}

func isGUID(s string) bool {
	if len(s) != guidLength || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	_, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	return err == nil && strings.Count(s, "-") == 4
}

const (
	stampForm   = "20060102150405.000"
	stampLength = 17 + 6 // the time to the millisecond, and six digits
	million     = 1_000_000
)

// contentID is opaque to clients. Its two stamps end in the blob's number, so that it need not be remembered.
func (s *stream) contentID(blob int) string {
	created := s.line.created(blob)
	second := created.Add(time.Duration(mix(s.key^uint64(blob))%90_000) * time.Millisecond)
	b := appendStamp(make([]byte, 0, 96), created, blob%million)
	b = append(b, '$')
	b = appendStamp(b, second, blob/million)
	b = append(b, '$')
	b = append(b, s.idSuffix...)
	return string(b)
}

func appendStamp(b []byte, t time.Time, number int) []byte {
	text := t.UTC().Format(stampForm)
	b = append(b, text[:14]...)
	b = append(b, text[15:]...)
	digits := strconv.Itoa(number)
	b = append(b, "000000"[:6-len(digits)]...)
	return append(b, digits...)
}

func idSuffix(contentType string, key uint64) string {
	name := strings.ReplaceAll(contentType, ".", "_")
	datacentre := []string{"", "$emea0036", "$na0020", "$na0030$na0030", "$emea0013"}[key%5]
	return strings.ToLower(name) + "$" + name + datacentre
}

// parseContentID finds the blob's number and content type; ok tells whether the id is well formed.
func parseContentID(id string) (blob int, contentType string, ok bool) {
	parts := strings.Split(id, "$")
	if len(parts) < 4 || len(parts[0]) != stampLength || len(parts[1]) != stampLength {
		return 0, "", false
	}
	low, err1 := strconv.Atoi(parts[0][17:])
	high, err2 := strconv.Atoi(parts[1][17:])
	contentType = canonicalContentType(strings.ReplaceAll(parts[3], "_", "."))
	if err1 != nil || err2 != nil || low < 0 || high < 0 || contentType == "" {
		return 0, "", false
	}
	return high*million + low, contentType, true
}

// canonicalContentType returns Microsoft's spelling, or "" for what is no content type.
func canonicalContentType(s string) string {
	for _, ct := range ContentTypes {
		if strings.EqualFold(ct, s) {
			return ct
		}
	}
	return ""
}
