package emulator

import (
	"net/http"
	"strconv"
	"time"
)

const listedForm = "2006-01-02T15:04:05.000Z"

// serveContent answers one page of a listing.
func (c *call) serveContent() *apiError {
	if bad := c.checkListing(); bad != nil {
		return bad
	}
	from, bad := c.pageStart()
	if bad != nil {
		return bad
	}
	v := c.e.view(c.stream())
	from = max(from, v.first(c.window.start))
	if c.operation == opContent && c.fire(EmptyPage) != nil {
		c.linkPage(from)
		return c.send(bytesAnswer([]byte("[]")))
	}
	blobs, next := v.page(c.window, from, c.pageSize())
	c.e.partials.listed(v, c.window, blobs)
	c.linkNext(from, next)
	body := []byte{'['}
	for i, blob := range blobs {
		if i > 0 {
			body = append(body, ',')
		}
		body = v.appendEntry(body, blob, c)
		body = append(body, '}')
	}
	return c.send(bytesAnswer(append(body, ']')))
}

// checkListing does the checks that listings of content and of notifications share.
func (c *call) checkListing() *apiError {
	if bad := c.e.subscriptions.check(c.stream()); bad != nil {
		return bad
	}
	if c.windowError != nil {
		return c.windowError
	}
	return c.checkWindow()
}

func (c *call) pageSize() int {
	if f := c.fire(PageSize); f != nil {
		return max(1, f.Count)
	}
	return c.e.config.PageSize
}

// page returns the blobs of a page that begins at a blob, and where the next page begins; -1 if it is the last.
func (v *view) page(w window, from, size int) (blobs []int, next int) {
	end := w.end.Add(v.twiceDelay())
	for i := from; i < v.blobs; i++ {
		if !v.created(i).Before(end) {
			break
		}
		if !v.in(w, i) || !v.offered(i) {
			continue
		}
		if len(blobs) == size {
			return blobs, i
		}
		blobs = append(blobs, i)
	}
	return blobs, -1
}

// appendEntry writes a blob as a listing tells it, without the closing brace.
func (v *view) appendEntry(b []byte, blob int, c *call) []byte {
	id := v.contentID(blob)
	b = append(b, `{"contentType":"`...)
	b = append(b, v.contentType...)
	b = append(b, `","contentId":"`...)
	b = append(b, id...)
	b = append(b, `","contentUri":`...)
	b = strconv.AppendQuote(b, v.uri(blob, id, c))
	b = append(b, `,"contentCreated":"`...)
	b = v.created(blob).AppendFormat(b, listedForm)
	b = append(b, `","contentExpiration":"`...)
	b = v.expires(blob).AppendFormat(b, listedForm)
	return append(b, '"')
}

func (v *view) uri(blob int, id string, c *call) string {
	if !v.wrongURI.picks(v.stream, blob) {
		return c.root() + "/audit/" + id
	}
	if v.wrongURI.Text != "" {
		return v.wrongURI.Text + "/activity/feed/audit/" + id
	}
	return "http://localhost/" + guid(v.key, uint64(blob)) + "/activity/feed/audit/" + id
}

// serveNotifications answers with the history of a webhook that was called once for each blob.
func (c *call) serveNotifications() *apiError {
	if bad := c.checkListing(); bad != nil {
		return bad
	}
	from, bad := c.pageStart()
	if bad != nil {
		return bad
	}
	v := c.e.view(c.stream())
	from = max(from, v.first(c.window.start))
	blobs, next := v.page(c.window, from, c.pageSize())
	c.linkNext(from, next)
	body := []byte{'['}
	for i, blob := range blobs {
		if i > 0 {
			body = append(body, ',')
		}
		body = v.appendEntry(body, blob, c)
		body = append(body, `,"notificationSent":"`...)
		body = v.created(blob).Add(3*time.Second).AppendFormat(body, listedForm)
		body = append(body, `","notificationStatus":"success"}`...)
	}
	return c.send(bytesAnswer(append(body, ']')))
}

// sensitiveTypes are a few of Microsoft's names.
var sensitiveTypes = []map[string]string{
	{"id": "50842eb7-edc8-4019-85dd-5a5c1f2bb085", "name": "Credit Card Number"},
	{"id": "e7dc4711-11b7-4cb0-b88b-2c394a771f0e", "name": "Germany Identity Card Number"},
	{"id": "e55e2a32-f92d-4985-a35d-a0b269eb687b", "name": "International Banking Account Number (IBAN)"},
	{"id": "a44669fe-0d48-453d-a9b1-2cc83f2cba77", "name": "U.S. Social Security Number (SSN)"},
}

func (c *call) serveSensitiveTypes() *apiError {
	language := c.r.Header.Get("Accept-Language")
	for _, r := range language {
		if r == ',' {
			return fail(http.StatusBadRequest, "AF20053", "Only one language may be specified in the header Accept-Language.")
		}
		if r == ';' || r == ' ' {
			return fail(http.StatusBadRequest, "AF20054", "Invalid syntax in header Accept-Language.")
		}
	}
	return c.sendJSON(sensitiveTypes)
}
