package ocsf

import (
	"strconv"

	"o365-kafka-connector/internal/transform/tree"
)

// head returns what all events of a class and an activity begin with.
func (t *mapping) head(c *class, activity string, operation []byte) []byte {
	caption := t.caption(c, activity, operation)
	head := append([]byte(`{"activity_id":`), activity...)
	head = appendText(append(head, `,"activity_name":`...), caption)
	head = append(head, `,"category_uid":`+c.category...)
	head = append(head, `,"category_name":`+strconv.Quote(c.categoryCaption)...)
	head = append(head, `,"class_uid":`+c.uid...)
	head = append(head, `,"class_name":`+strconv.Quote(c.caption)...)
	head = append(head, `,"type_uid":`+typeUID(c, activity)...)
	return appendText(append(head, `,"type_name":`...), append([]byte(c.caption+": "), caption...))
}

// caption is what an activity is called. Another activity than OCSF knows has the name of the operation.
func (t *mapping) caption(c *class, activity string, operation []byte) []byte {
	switch activity {
	case unknownActivity:
		return []byte("Unknown")
	case otherActivity:
		return operation
	}
	caption, ok := t.captions[[2]string{c.uid, activity}]
	if !ok {
		panic("activity " + activity + " of class " + c.uid + " has no caption")
	}
	return []byte(caption)
}

// typeUID joins class and activity to one number.
func typeUID(c *class, activity string) string {
	if len(activity) == 1 {
		activity = "0" + activity
	}
	return c.uid + activity
}

// appendText appends a text as a string.
func appendText(dst, text []byte) []byte {
	return append(tree.AppendRepaired(append(dst, '"'), text), '"')
}
