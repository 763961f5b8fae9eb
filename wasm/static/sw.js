// Keeps the page's files of one release, so that it opens without a line.
const RELEASE = "lianxiao-{{release}}";
const FILES = {{files}};

addEventListener("install", (event) => {
  event.waitUntil(caches.open(RELEASE).then((cache) => cache.addAll(FILES)));
});

addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((name) => name !== RELEASE).map((name) => caches.delete(name))));
  event.waitUntil(old.then(() => clients.claim()));
});

addEventListener("message", (event) => {
  if (event.data === "take over") skipWaiting();
});

addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin || url.pathname.startsWith("/api/")) return;
  // Any room of the page is the one document.
  const wanted = event.request.mode === "navigate" ? "/" : event.request;
  event.respondWith(caches.open(RELEASE).then((cache) => cache.match(wanted)).then((kept) => kept ?? fetch(event.request)));
});
