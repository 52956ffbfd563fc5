// Package pipeline moves the records of one stream from a source to a sink. It is the one loop of the connector, and
// the owner of the interfaces to everything around it.
//
// A run takes a stream, works on it and gives it up:
//
//	live ─┐                                        ┌─► claims: in flight, pending
//	sweeps ┼─ cover: List ─► offer ─► work ─► prepare ─► ready ─► gather ─► commit
//	retries┘   ▲                     (workers)                    (publisher)   │
//	           └───────── Advance when every blob of the window has a result ◄──┘
//
// Four planners find blobs: live lists one window after the other, sweeps lists again what was listed before, retries
// takes up pending blobs, backfills lists what operators ask for. Each claims a blob before it hands it to a worker, so that nobody else fetches it. Workers
// prepare whole blobs within the process's byte budget. The run's one publisher commits what is ready as a group, in
// this order of effects:
//
//  1. ask the ledger once more, and drop what is done
//  2. publish, and wait for the acknowledgement of all replicas
//  3. apply the entry: these blobs are done
//  4. settle the claims, which lets the window's watermark advance
//
// A crash between two steps repeats what was published and not applied, and loses nothing. The return value is the
// acknowledgement: there are no callbacks.
//
// What goes wrong has a scope. A fault of a single blob is retried a few times, then the blob becomes pending and the
// stream goes on. A fault of the stream or its tenant holds everything of the stream that asks the API. A checkpoint
// or a sink that is away holds the publisher, and through it everything else. Only a fenced or lost checkpoint ends
// the run; Supervise takes the stream again.
//
// What operators want of a stream is its wish, which the run reads every two seconds. It goes through phases: reading,
// paused, stopped. In a phase the loop above runs, or nothing does; when the wish changes, the planners end, what is in
// hand is finished, and the next phase begins. A state counts as obeyed when an entry says so, after all that belongs to
// it was done: a stop reads everything that is there, makes dead letters of what fails, stops the subscription, and only
// then is remembered, with the moment from which on content is lost. Killed in between, the next run does it again.
package pipeline
