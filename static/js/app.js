/* What every page may do beyond HTML: appearance, menus, dialogs, flashes, copying, one send a form. */
(() => {
  "use strict";
  const root = document.documentElement;
  const flashes = () => document.getElementById("flash");

  /* Appearance: a cookie that the server reads, so the next page comes in the right one. */
  const MEDIA = { dark: "screen", light: "not all", "": "screen and (prefers-color-scheme: dark)" };

  function showTheme(theme) {
    root.dataset.theme = theme;
    document.getElementById("dark").media = MEDIA[theme];
    for (const button of document.querySelectorAll("[data-themes] button")) {
      button.setAttribute("aria-pressed", String(button.value === theme));
    }
  }

  function keepTheme(theme) {
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `theme=${theme}; path=/; max-age=${theme ? 31536000 : 0}; samesite=lax${secure}`;
    showTheme(theme);
  }

  /* Dialogs: a link to #id opens it, with or without us; with us it is modal. */
  function openDialog(id) {
    const dialog = document.getElementById(id);
    if (dialog?.showModal && !dialog.open) dialog.showModal();
    return Boolean(dialog?.open);
  }

  function closeMenus(except) {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (menu !== except) menu.open = false;
    }
  }

  async function copy(button) {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.classList.add("primary");
    setTimeout(() => button.classList.remove("primary"), 1500);
  }

  function reveal(button) {
    const input = button.parentElement.querySelector("input");
    input.type = input.type === "password" ? "text" : "password";
    button.setAttribute("aria-pressed", String(input.type === "text"));
    input.focus();
  }

  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest(selector);
    closeMenus(hit("details[data-menu]"));
    const opener = hit("[data-dialog]");
    if (opener && openDialog(opener.dataset.dialog)) event.preventDefault();
    const closer = hit("[data-close]");
    if (closer?.closest("dialog[open]")) {
      event.preventDefault();
      closer.closest("dialog").close();
    }
    if (event.target.nodeName === "DIALOG") event.target.close();
    const theme = hit("[data-themes] button");
    if (theme) keepTheme(theme.value);
    if (hit("[data-dismiss]")) hit(".flash").remove();
    if (hit("[data-reveal]")) reveal(hit("[data-reveal]"));
    if (hit("[data-copy]")) copy(hit("[data-copy]"));
    if (hit("[data-print]")) print();
    const everything = hit("[data-choose-all]");
    if (everything) {
      for (const box of document.getElementsByName(everything.dataset.chooseAll)) box.checked = everything.checked;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = event.target.closest?.("details[data-menu][open]");
      closeMenus();
      menu?.querySelector("summary").focus();
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
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  /* A fragment that failed says so where messages are; an answer of ours brings its own words. */
  function say(id) {
    const text = document.getElementById(id).content.cloneNode(true);
    flashes().replaceChildren(text);
    prepare(flashes());
  }
  document.addEventListener("htmx:sendError", () => say("lost"));
  document.addEventListener("htmx:responseError", (event) => {
    const body = event.detail.xhr.responseText.trim();
    if (!body.startsWith('<div class="flash')) return say("failed");
    flashes().innerHTML = body;
    prepare(flashes());
  });

  /* Controls that need JavaScript are hidden until it is here. */
  function prepare(within) {
    for (const each of within.querySelectorAll("[data-dismiss], [data-reveal], [data-copy], [data-print], [data-themes], [data-choose-all]")) {
      each.hidden = false;
    }
    for (const each of within.querySelectorAll("a[data-dialog], a[data-close]")) each.setAttribute("role", "button");
  }
  prepare(document);
  showTheme(root.dataset.theme ?? "");
  document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
})();
