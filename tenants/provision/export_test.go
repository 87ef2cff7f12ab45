package provision

// IsolationSQL is what a build asks as the application's role.
const IsolationSQL = isolationSQL
