package audit

import (
	"strconv"
	"testing"
)

func TestWishRemembersItsCommands(t *testing.T) {
	var w Wish
	if w.Asked("") {
		t.Error("no command has asked")
	}
	for i := range maxEarlier + 2 {
		w.Ask(Paused, strconv.Itoa(i))
	}
	if w.State != Paused || len(w.Earlier) != maxEarlier || w.Asked("0") || !w.Asked("1") || !w.Asked(w.Command) || w.Asked("x") {
		t.Errorf("wish %+v", w)
	}
}
