// Package emulator answers like the Office 365 Management Activity API and like the part of Entra ID that gives out its
// tokens. Any collector can be pointed at it; nothing leaves the machine.
//
//	e := emulator.New(emulator.Config{Seed: 1, BacklogRecords: 10_000, Rate: 20, StaticToken: "test"})
//	server := httptest.NewServer(e)
//	// base URL and authority of the client: server.URL; tenant: emulator.DefaultTenantID
//
// # What it offers
//
// Every stream, that is every content type of every tenant, is a line of numbered blobs: BacklogRecords up to Start,
// then Rate records a second. Records look like Microsoft's in all five content types, with the oddities that are seen
// in practice. Everything follows from the seed and a blob's number: nothing is stored, a backlog of millions costs no
// memory, records are made while they are sent, and a blob of 100 MB takes no more than one of 1 kB.
//
// # What a client should get
//
// Emulator.Truth and GET /truth tell, blob by blob, the Ids that were offered up to now; TruthSummary and
// GET /truth/summary count them. A blob that is listed but cannot be read says so in "unavailable". A correct client
// has every Id of the other blobs, and none that is not there. Emulator.StopOffering and POST /stop end the offering,
// so that a client can be drained. Emulator.Stats and GET /stats tell what clients asked for.
//
// # Who may sign in
//
// Each tenant has one application. It proves itself by its secret, by an assertion that a registered certificate signs,
// or by a token of an issuer that the tenant trusts; all that Entra ID looks at is looked at. Managed identities get
// their tokens from /metadata/identity/oauth2/token, as on a virtual machine, and /msi/token, as in App Service.
// Emulator.SetCredentials changes what is accepted.
//
// # What goes wrong
//
// Nothing, until faults are set: in Config.Faults, by Emulator.SetFaults, or as JSON by PUT, POST (add) and DELETE
// /faults. GET /faults also counts how often each was asked and fired. A fault has a Kind and can be limited to a
// tenant, a content type, an operation, the first n requests and a probability:
//
//	[{"kind":"server-error","operation":"blob","first":3,"status":503},
//	 {"kind":"late","probability":0.1,"delay":"2m"},
//	 {"kind":"throttle","tenant":"11111111-1111-1111-1111-111111111111","probability":0.02,"burst":5,"retry_after":"2s"}]
//
// Faults in what is offered (late blobs, repeated records and so on) are properties of the timeline: the seed chooses
// the blobs that they hit, the past included, and the truth is told under the faults in force when it is asked for.
// Change them before clients start.
//
// # Not emulated
//
// Webhooks are stored but never called. Where a person would sign in and consent, the emulator does so at once.
package emulator
