package main

import (
	"context"

	"o365-kafka-connector/internal/control"
)

// filterFlags choose records.
type filterFlags struct {
	RecordTypesFilter string `help:"Only these record types: numbers or Microsoft's names, with commas." placeholder:"LIST"`
	WorkloadsFilter   string `help:"Only these workloads, with commas." placeholder:"LIST"`
	OperationsFilter  string `help:"Only these operations, with commas." placeholder:"LIST"`
}

func (f filterFlags) arguments() map[string]any {
	return map[string]any{
		"record_types_filter": f.RecordTypesFilter, "workloads_filter": f.WorkloadsFilter, "operations_filter": f.OperationsFilter,
	}
}

// with adds arguments.
func with(arguments map[string]any, more ...any) map[string]any {
	for i := 0; i+1 < len(more); i += 2 {
		arguments[more[i].(string)] = more[i+1]
	}
	return arguments
}

type listContentCommand struct {
	commandFlags
	contentTypeArgument
	filterFlags

	StartTime string `help:"YYYY-MM-DD, YYYY-MM-DDTHH:MM or YYYY-MM-DDTHH:MM:SS, UTC; at most 7 days ago. Default: 24 hours ago." placeholder:"TIME"`
	EndTime   string `help:"At most 24 hours after the start. Default: now." placeholder:"TIME"`
	Timeout   string `help:"For each request: seconds, or a duration. Default: source.timeout." placeholder:"TIME"`
}

// Run lists the records of up to 24 hours.
func (cmd listContentCommand) Run(ctx context.Context, env *environment, c *cli) error {
	return perform(ctx, env, c, request{
		name: control.ListContent, flags: cmd.commandFlags, quiet: true,
		arguments: with(cmd.filterFlags.arguments(), "content_type", cmd.value(), "start_time", cmd.StartTime,
			"end_time", cmd.EndTime, "timeout", cmd.Timeout),
	})
}
