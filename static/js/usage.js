/* Tells the server once how wide the window is, in three steps. It comes only to a browser that agreed. */
(() => {
  "use strict";
  const { usage, page } = document.currentScript.dataset;
  if (sessionStorage.getItem("usage") || navigator.globalPrivacyControl) return;
  sessionStorage.setItem("usage", "told");
  const screen = innerWidth < 720 ? "narrow" : innerWidth < 1100 ? "middle" : "wide";
  const headers = JSON.parse(document.body.getAttribute("hx-headers"));
  fetch(usage, { method: "POST", headers, body: new URLSearchParams({ page, screen }) });
})();
