"use strict";
// The token stands in the fragment, which no browser sends, and goes away before anything else is loaded.
(async () => {
  const token = location.hash.slice(1);
  if (!token) return;
  history.replaceState(null, "", location.pathname + location.search);
  const reply = await fetch("/session", { method: "POST", body: token });
  if (reply.ok) location.reload();
  else document.getElementById("why").textContent = await reply.text();
})();
