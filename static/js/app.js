/* What every page may do beyond HTML: appearance, menus, dialogs, messages, copying, one send a form. */
(() => {
  "use strict";
  const root = document.documentElement;
  const all = (selector, within = document) => within.querySelectorAll(selector);
  const byId = (id) => document.getElementById(id);

  /* Appearance: a cookie that the server reads, so the next page comes in the right one. */
  const MEDIA = { dark: "screen", light: "not all", "": "screen and (prefers-color-scheme: dark)" };

  function showTheme(theme) {
    root.dataset.theme = theme;
    byId("dark").media = MEDIA[theme];
    for (const each of all("[data-themes] button")) each.setAttribute("aria-pressed", each.value === theme);
  }

  function keepTheme(theme) {
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `theme=${theme}; path=/; max-age=${theme ? 31536000 : 0}; samesite=lax${secure}`;
    showTheme(theme);
  }

  /* A link to #id opens a dialog with or without us; with us it is modal. */
  function openDialog(id) {
    byId(id)?.showModal();
    return byId(id);
  }

  function closeMenus(except) {
    for (const menu of all("[data-menu][open]")) if (menu !== except) menu.open = false;
  }

  function reveal(button) {
    const input = button.parentElement.querySelector("input");
    input.type = input.type === "password" ? "text" : "password";
    button.setAttribute("aria-pressed", input.type === "text");
    input.focus();
  }

  async function copy(button) {
    await navigator.clipboard.writeText(byId(button.dataset.copy).textContent.trim());
    say("copied");
  }

  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest(selector);
    const opener = hit("[data-dialog]");
    const dialog = hit("dialog[open]");
    const theme = hit("[data-themes] button");
    const boxes = hit("[data-choose-all]");
    closeMenus(hit("[data-menu]"));
    if (opener && openDialog(opener.dataset.dialog)) event.preventDefault();
    if (dialog && (hit("[data-close]") || event.target === dialog)) {
      event.preventDefault();
      dialog.close();
    }
    if (theme) {
      event.preventDefault();
      keepTheme(theme.value);
    }
    if (hit("[data-dismiss]")) hit(".flash").remove();
    if (hit("[data-reveal]")) reveal(hit("[data-reveal]"));
    if (hit("[data-copy]")) copy(hit("[data-copy]"));
    if (boxes) for (const box of document.getElementsByName(boxes.dataset.chooseAll)) box.checked = boxes.checked;
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.target.closest?.("[data-menu][open]")?.querySelector("summary").focus();
      closeMenus();
    }
    if (event.key === " " && event.target.matches?.("a[role=button]")) {
      event.preventDefault();
      event.target.click();
    }
  });

  /* A form that was sent is not sent twice; coming back by the history arms it again. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]")) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => {
    for (const form of all("[data-sent]")) delete form.dataset.sent;
  });

  /* A fragment that fails says so where messages are; an error of ours brings its own words. */
  function say(id, words = byId(id).innerHTML) {
    byId("flash").innerHTML = words;
    prepare(byId("flash"));
  }
  document.addEventListener("htmx:sendError", () => say("lost"));
  document.addEventListener("htmx:responseError", ({ detail }) => {
    const words = detail.xhr.responseText.trim();
    say("failed", words.startsWith('<div class="flash') ? words : undefined);
  });

  /* Controls that need JavaScript are hidden until it is here. */
  function prepare(within) {
    for (const each of all("[data-dismiss], [data-reveal], [data-copy], [data-choose-all]", within)) each.hidden = false;
    for (const each of all("a[data-dialog], a[data-close]", within)) each.setAttribute("role", "button");
  }
  prepare(document);
  showTheme(root.dataset.theme ?? "");
  document.addEventListener("htmx:load", ({ detail }) => {
    prepare(detail.elt);
    detail.elt.querySelector("[data-go]")?.click();
  });
})();
