// node example.mjs SLUG: a sign-up, rolled back once and then committed. TENANTRY_API_URL names the control database.
import pg from "pg";
import { createTenant, operation, submit, wait } from "./tenantry.mjs";

const slug = process.argv[2] ?? "node-example";
const client = new pg.Client({ connectionString: process.env.TENANTRY_API_URL });
await client.connect();
try {
  // The API's own rows would be written in the same transaction.
  await client.query("BEGIN");
  const undone = await createTenant(client, { slug });
  await client.query("ROLLBACK");
  if (await operation(client, undone.operation_id)) throw new Error("a rolled back request must leave nothing");
  console.log("rolled back: nothing there");

  await client.query("BEGIN");
  const tenant = await createTenant(client, { slug, name: "Made by Node", labels: { plan: "pro" }, idempotencyKey: `signup/${slug}` });
  await client.query("COMMIT");
  const made = await wait(client, tenant.operation_id);
  if (made.state !== "succeeded") throw new Error(`${made.state}: ${made.error?.message}`);
  const { rows } = await client.query("SELECT slug, state, node, database FROM tenantry.tenant_status WHERE id = $1", [tenant.tenant_id]);
  console.log(`committed: ${rows[0].slug} is ${rows[0].state}`);

  // Asking again with the same key is the same tenant.
  const again = await createTenant(client, { slug, name: "Made by Node", labels: { plan: "pro" }, idempotencyKey: `signup/${slug}` });
  console.log(`asked again: created ${again.created}, same tenant ${again.tenant_id === tenant.tenant_id}`);

  const suspended = await wait(client, await submit(client, "suspend", { tenant: slug, reason: "unpaid" }));
  console.log(`suspend: ${suspended.state}`);

  // A refusal names the field and the way out.
  try {
    await submit(client, "suspend", { tenant: slug, colour: "red" });
  } catch (error) {
    console.log(`refused (${error.code}, field ${error.column}): ${error.message}`);
  }
} finally {
  await client.end();
}
