// Package chaos proves delivery exactly once under faults. It runs connectors as processes between an emulated
// Management Activity API, a real Kafka of three brokers and a real Redis with a replica and Sentinel, harms all of
// them and the links between them by a schedule that follows from a seed, and holds what a reader of committed records
// sees against what was offered.
//
// Run does it all. Four lanes of faults run at once: connectors, brokers, Redis, links. The seed decides kinds, targets,
// lengths and pauses; what exactly they hit is up to the machine's timing, so a seed narrows a finding down but does not
// replay it step by step.
package chaos
