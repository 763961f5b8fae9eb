// Starts the page: the service worker that keeps it openable without a line, then the program.
import init from "/{{lianxiao.js}}";

if ("serviceWorker" in navigator) {
  // A new release waits until the person agrees; the page asks.
  const offer = (worker) => {
    globalThis.lianxiaoUpdate = () => worker.postMessage("take over");
    dispatchEvent(new Event("lianxiao-update"));
  };
  let reloading = false;
  const hadController = Boolean(navigator.serviceWorker.controller);
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (hadController && !reloading) {
      reloading = true;
      location.reload();
    }
  });
  navigator.serviceWorker.register("/sw.js").then((registration) => {
    if (registration.waiting && hadController) offer(registration.waiting);
    registration.addEventListener("updatefound", () => {
      const worker = registration.installing;
      worker.addEventListener("statechange", () => {
        if (worker.state === "installed" && hadController) offer(worker);
      });
    });
  }, (error) => console.warn("the page cannot be kept for offline use:", error));
}

init({ module_or_path: "/{{lianxiao.wasm}}" }).catch((error) => {
  const line = document.createElement("p");
  line.className = "middle";
  line.setAttribute("role", "alert");
  line.textContent = `这个浏览器打不开联校，请换新版的 Chrome、Edge、Firefox 或 Safari。 This browser cannot run lianxiao: ${error}`;
  document.getElementById("app").replaceChildren(line);
});
