package emulator

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	linkTimeForm = "2006-01-02T15:04:05.999Z"
	pageMark     = "R022"
)

// pageStart is the blob at which the requested page begins.
func (c *call) pageStart() (int, *apiError) {
	id := c.query("nextPage")
	if id == "" {
		return 0, nil
	}
	_, number, ok := strings.Cut(id, pageMark)
	blob, err := strconv.Atoi(number)
	if !ok || err != nil || blob < 0 {
		return 0, fail(http.StatusBadRequest, "AF20031", "Invalid nextPage Input: %s.", id)
	}
	return blob, nil
}

func pageID(w window, blob int) string {
	return fmt.Sprintf("%s%s%09d", w.start.Format("2006010215"), pageMark, blob)
}

// linkNext adds the link to the page that begins at next, if there is one.
func (c *call) linkNext(from, next int) {
	if next < 0 {
		return
	}
	if c.fire(PageLoop) != nil {
		next = from
	}
	c.linkPage(next)
}

// linkPage adds the link to the page that begins at a blob.
func (c *call) linkPage(blob int) {
	id := pageID(c.window, blob)
	if c.fire(PageStale) != nil {
		id = "stale" + id[:10]
	}
	base := c.base()
	if f := c.fire(PageForeign); f != nil {
		base = orDefault(f.Text, "https://collector.invalid")
	}
	operation := "content"
	if c.operation == opNotifications {
		operation = opNotifications
	}
	start, end := linkTime(c.window.start), linkTime(c.window.end)
	form := "%s/api/v1.0/%s/activity/feed/subscriptions/%s?contenttype=%s&starttime=%s&endtime=%s&nextpage=%s"
	if c.fire(PageLinkOld) != nil {
		form = "%s/api/v1/%s/activity/feed/subscriptions/%s?contentType=%s&startTime=%s&endTime=%s&nextPage=%s"
	}
	link := fmt.Sprintf(form, base, c.tenantID, operation, url.QueryEscape(c.contentType), start, end, id)
	c.w.Header()["NextPageUri"] = []string{link} // Set would change the spelling
}

func linkTime(t time.Time) string { return url.QueryEscape(t.Format(linkTimeForm)) }
