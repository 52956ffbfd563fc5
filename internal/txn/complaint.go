package txn

import (
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/addoffsetstotxn"
	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	"github.com/segmentio/kafka-go/protocol/endtxn"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
	"github.com/segmentio/kafka-go/protocol/txnoffsetcommit"
)

// complaint returns what a coordinator has to complain of, and the topic if it is about one.
func complaint(m protocol.Message) (topic string, err error) {
	switch res := m.(type) {
	case *initproducerid.Response:
		return "", codeError(res.ErrorCode)
	case *addoffsetstotxn.Response:
		return "", codeError(res.ErrorCode)
	case *endtxn.Response:
		return "", codeError(res.ErrorCode)
	case *offsetAnswer:
		return "", codeError(res.code)
	case *addpartitionstotxn.Response:
		return guilty(res)
	case *txnoffsetcommit.Response:
		return uncommitted(res)
	}
	return "", fmt.Errorf("unexpected answer %T", m)
}

func codeError(code int16) error {
	if code == 0 {
		return nil
	}
	return kafka.Error(code)
}

// guilty finds the topic because of which partitions were not added. Of the others the broker says only that it did
// not try.
func guilty(res *addpartitionstotxn.Response) (topic string, err error) {
	for _, t := range res.Results {
		for _, p := range t.Results {
			code := kafka.Error(p.ErrorCode)
			switch {
			case code == 0:
			case code != operationNotAttempted:
				return t.Name, fmt.Errorf("partition %d of topic %s: %w", p.PartitionIndex, t.Name, code)
			case err == nil:
				err = fmt.Errorf("partition %d of topic %s: [%d] Operation Not Attempted, because of another one", p.PartitionIndex, t.Name, p.ErrorCode)
			}
		}
	}
	return "", err
}

func uncommitted(res *txnoffsetcommit.Response) (topic string, err error) {
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return t.Name, fmt.Errorf("partition %d of topic %s: %w", p.Partition, t.Name, kafka.Error(p.ErrorCode))
			}
		}
	}
	return "", nil
}
