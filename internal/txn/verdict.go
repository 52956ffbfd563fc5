package txn

import "github.com/segmentio/kafka-go"

// verdict is what an answer to Produce means for a batch.
type verdict int

const (
	again  verdict = iota // send the same bytes again: an election, a restart, a missing right, anything unknown
	done                  // written, now or by an earlier attempt
	anew                  // the broker lost or closed our session: begin another, then send again
	refuse                // never the same batch again
)

// verdicts is the table of answers that are not "again".
var verdicts = map[kafka.Error]verdict{
	0:                              done,
	kafka.DuplicateSequenceNumber:  done,
	kafka.OutOfOrderSequenceNumber: anew,
	kafka.InvalidProducerEpoch:     anew,
	kafka.InvalidProducerIDMapping: anew,
	kafka.UnknownProducerId:        anew,
	kafka.ProducerFenced:           anew,
	kafka.MessageSizeTooLarge:      refuse,
	kafka.RecordListTooLarge:       refuse,
	kafka.InvalidRecord:            refuse,
}
