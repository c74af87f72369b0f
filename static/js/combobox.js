/* A <select data-combobox> becomes a field to type in. The <select> stays the form's value and the
   fallback without JavaScript. With data-url the options come from the server (?q=...), as the
   <li role=option data-value data-label> of ui/options.html; without, from the <select> itself. */
(() => {
  "use strict";
  const PAUSE_MS = 180;
  let count = 0;

  function make(tag, attributes) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  function chosenText(select) {
    const option = select.selectedOptions[0];
    return option && option.value ? option.text : "";
  }

  function localOptions(select, words) {
    const found = [...select.options].filter((o) => o.value && o.text.toLowerCase().includes(words.toLowerCase()));
    return found.slice(0, 50).map((option) => {
      const item = make("li", { role: "option", "data-value": option.value, "data-label": option.text });
      item.textContent = option.text;
      return item;
    });
  }

  function enhance(select) {
    const id = `combobox-${++count}`;
    const box = make("div", { class: "combo" });
    const input = make("input", {
      id, type: "text", role: "combobox", autocomplete: "off", spellcheck: "false",
      "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": `${id}-options`,
    });
    const list = make("ul", { class: "options", role: "listbox", id: `${id}-options`, hidden: "" });
    const label = select.labels[0];
    if (label) {
      label.htmlFor = id;
      list.setAttribute("aria-label", label.textContent.trim());
    }
    for (const name of ["aria-describedby", "aria-invalid", "placeholder", "required"]) {
      if (select.hasAttribute(name)) input.setAttribute(name, select.getAttribute(name));
    }
    if (select.dataset.placeholder) input.placeholder = select.dataset.placeholder;
    const focused = document.activeElement === select || select.autofocus;
    input.value = chosenText(select);
    select.removeAttribute("required");
    select.hidden = true;
    select.dataset.combobox = "ready";
    select.before(box);
    const glass = document.querySelector("#combo-icon")?.content.cloneNode(true);
    box.append(input, ...(glass ? [glass] : []), list);
    if (focused) input.focus();

    let active = -1;
    let timer;
    let search;
    const items = () => [...list.querySelectorAll("[role=option]")];
    const isOpen = () => !list.hidden;

    function close() {
      list.hidden = true;
      active = -1;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    }

    function open() {
      items().forEach((item, n) => { item.id = `${id}-${n}`; });
      list.hidden = !list.children.length;
      input.setAttribute("aria-expanded", String(!list.hidden));
      mark(items().length ? 0 : -1);
      list.scrollIntoView({ block: "nearest" });
    }

    function mark(n) {
      active = n;
      items().forEach((item, place) => item.setAttribute("aria-selected", String(place === n)));
      const item = items()[n];
      if (!item) return input.removeAttribute("aria-activedescendant");
      input.setAttribute("aria-activedescendant", item.id);
      item.scrollIntoView({ block: "nearest" });
    }

    function choose(item) {
      const { value, label: text } = item.dataset;
      let option = [...select.options].find((each) => each.value === value);
      if (!option) select.append(option = new Option(text, value));
      option.selected = true;
      input.value = text;
      close();
      select.dispatchEvent(new Event("change", { bubbles: true }));
    }

    async function look() {
      const words = input.value.trim();
      search?.abort();
      if (!select.dataset.url) {
        list.replaceChildren(...localOptions(select, words));
        return open();
      }
      if (words.length < 2) return close();
      search = new AbortController();
      const address = new URL(select.dataset.url, location.href);
      address.searchParams.set("q", words);
      box.classList.add("loading");
      try {
        const answer = await fetch(address, { signal: search.signal, headers: { "HX-Request": "true" } });
        if (!answer.ok) throw new Error(answer.status);
        list.innerHTML = await answer.text();
        if (document.activeElement === input) open();
      } catch (error) {
        if (error.name !== "AbortError") close();
      } finally {
        box.classList.remove("loading");
      }
    }

    input.addEventListener("input", (event) => {
      event.stopPropagation();
      clearTimeout(timer);
      timer = setTimeout(look, select.dataset.url ? PAUSE_MS : 0);
    });
    input.addEventListener("keydown", (event) => {
      const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (move) {
        event.preventDefault();
        if (!isOpen()) look();
        else mark((active + move + items().length) % items().length);
      } else if (event.key === "Enter" && isOpen() && items()[active]) {
        event.preventDefault();
        choose(items()[active]);
      } else if (event.key === "Escape" && isOpen()) {
        event.preventDefault();
        close();
      }
    });
    input.addEventListener("blur", () => {
      close();
      if (!input.value.trim() && select.value) {
        select.value = "";
        select.dispatchEvent(new Event("change", { bubbles: true }));
      }
      input.value = chosenText(select);
    });
    input.addEventListener("focus", () => input.select());
    input.addEventListener("change", (event) => event.stopPropagation());
    list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const item = event.target.closest("[role=option]");
      if (item) choose(item);
    });
  }

  function enhanceAll(within) {
    for (const select of within.querySelectorAll('select[data-combobox=""]')) enhance(select);
  }
  enhanceAll(document);
  document.addEventListener("htmx:load", (event) => enhanceAll(event.detail.elt));
  document.addEventListener("line:added", (event) => enhanceAll(event.target));
})();
