package control

// EngineArgument reports whether an argument belongs to Cortex XSOAR's command line and not to the command.
func EngineArgument(name string) bool { return engineArguments[name] }
