// What a Node API needs of Tenantry: a connection to the control database as tenantry_api, and these few calls.
// URL: tenantry control api-url (or TENANTRY_API_URL of .tenantry/dev.env).

// createTenant asks for a tenant in the caller's transaction: at commit it is there, at rollback nothing is.
// The idempotency key makes asking again after a lost answer the same request.
export async function createTenant(client, { slug, name, labels, idempotencyKey }) {
  const { rows } = await client.query(
    `SELECT tenant_id, operation_id, state, node, database, created
     FROM tenantry.create_tenant($1, p_name => $2, p_labels => $3, p_idempotency_key => $4)`,
    [slug, name ?? null, labels ? JSON.stringify(labels) : null, idempotencyKey ?? null],
  );
  return rows[0];
}

// submit asks for any other operation, such as submit(client, "suspend", { tenant: "acme" }).
export async function submit(client, kind, args, idempotencyKey = null) {
  const { rows } = await client.query("SELECT tenantry.submit($1, $2, $3) AS id", [kind, JSON.stringify(args), idempotencyKey]);
  return rows[0].id;
}

// operation reads one operation: state, step, progress, result, error.
export async function operation(client, id) {
  const { rows } = await client.query("SELECT * FROM tenantry.operation_status WHERE id = $1", [id]);
  return rows[0];
}

// wait listens until an operation has ended or is parked. It takes a client of its own, connected directly and not
// through a transaction-mode pooler, and reads again now and then because a notification can be lost.
export async function wait(client, id, { timeoutMs = 60_000 } = {}) {
  const ended = new Set(["succeeded", "failed", "cancelled", "parked"]);
  await client.query("LISTEN tenantry_operations");
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const op = await operation(client, id);
    if (!op) throw new Error(`there is no operation ${id}`);
    if (ended.has(op.state)) return op;
    if (Date.now() > deadline) throw new Error(`operation ${id} is still ${op.state} (${op.step})`);
    await new Promise((resolve) => {
      const timer = setTimeout(done, 1000);
      function heard(message) {
        if (JSON.parse(message.payload).id === id) done();
      }
      function done() {
        clearTimeout(timer);
        client.off("notification", heard);
        resolve();
      }
      client.on("notification", heard);
    });
  }
}
