const cookie = (name) => document.cookie.split("; ").find((one) => one.startsWith(name + "="))?.split("=")[1];
const made = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function buy() {
  const { accessToken } = await (await fetch("/session")).json();
  const ask = (path, init = {}) =>
    fetch(window.ORIGIN + path, { ...init, headers: { authorization: `Bearer ${accessToken}`, ...init.headers } });
  const json = { "content-type": "application/json" };
  const { items } = await (await ask("/items")).json();
  await fetch("/cart", {
    method: "POST",
    headers: { ...json, "x-xsrf-token": cookie("XSRF-TOKEN") },
    body: JSON.stringify({ item: items[0].id, count: 1 }),
  });
  const order = await (
    await ask("/orders", { method: "POST", headers: json, body: JSON.stringify({ item: items[0].id, client_ref: made() }) })
  ).json();
  let state = order.state;
  while (state !== "packed") {
    state = (await (await ask(`/orders/${order.id}`)).json()).state;
    await pause(150);
  }
  const note = new FormData();
  note.append("text", "no sugar");
  note.append("to", "the tea room");
  await ask(`/orders/${order.id}/note`, { method: "POST", body: note });
  const picture = new Blob([new Uint8Array(200)], { type: "image/png" });
  await ask(`/orders/${order.id}/picture`, { method: "PUT", body: picture });
  await ask(`/orders/${order.id}/pay`, { method: "POST", headers: { "idempotency-key": made() } });
  await ask(`/orders/${order.id}`, { method: "DELETE" });
  document.title = "Bought";
}

document.getElementById("buy")?.addEventListener("click", buy);
