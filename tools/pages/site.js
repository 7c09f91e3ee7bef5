"use strict";
// The pages' own script: theme, contents on narrow screens, search. Everything else works without.

(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const kept = {
    get: () => {
      try {
        return localStorage.getItem("theme");
      } catch {
        return null; // a browser may refuse pages from disk
      }
    },
    set: (theme) => {
      try {
        localStorage.setItem("theme", theme);
      } catch {
        // then for this page only
      }
    },
  };
  if (kept.get()) root.dataset.theme = kept.get(); // before anything is painted

  const dark = () =>
    (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "")) === "dark";

  const themes = () => {
    const button = document.querySelector(".theme-button");
    const name = () => (button.textContent = dark() ? "Light" : "Dark");
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      kept.set(root.dataset.theme);
      name();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
    name();
  };

  const contents = () => {
    const button = document.querySelector(".contents-button");
    button.addEventListener("click", () => {
      const open = document.querySelector("#contents").classList.toggle("open");
      button.setAttribute("aria-expanded", open);
    });
  };

  /** Sections that hold all words, those with them in their heading first. */
  const search = () => {
    const field = document.querySelector(".search input");
    const list = document.querySelector(".search ul");
    const status = document.querySelector(".search [role=status]");
    let index;
    const find = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      list.hidden = !words.length || !index;
      if (list.hidden) return;
      const found = index
        .map(([address, page, section, text]) => {
          const title = `${page} ${section}`.toLowerCase();
          const hits = words.map((w) => (title.includes(w) ? 2 : text.includes(w) ? 1 : 0));
          return { address, page, section, rank: hits.includes(0) ? 0 : hits.reduce((a, b) => a + b) };
        })
        .filter(({ rank }) => rank)
        .sort((a, b) => b.rank - a.rank);
      const items = found.slice(0, 12).map(({ address, page, section }) => {
        const link = Object.assign(document.createElement("a"), { href: address });
        const small = Object.assign(document.createElement("small"), { textContent: page });
        link.append(section || "The beginning", small);
        const item = document.createElement("li");
        item.append(link);
        return item;
      });
      list.replaceChildren(...items);
      status.textContent = `${found.length} sections found`;
    };
    globalThis.searched = (made) => {
      index = made;
      find();
    };
    field.addEventListener(
      "focus",
      () => document.head.append(Object.assign(document.createElement("script"), { src: "search.js" })),
      { once: true },
    );
    field.addEventListener("input", find);
    field.parentElement.addEventListener("keydown", (event) => {
      const links = [...list.querySelectorAll("a")];
      const at = links.indexOf(document.activeElement);
      if (event.key === "Escape") list.hidden = true;
      else if (event.key === "ArrowDown") (links[at + 1] ?? links.at(-1))?.focus();
      else if (event.key === "ArrowUp") (links[at - 1] ?? field).focus();
      else return;
      event.preventDefault();
    });
    field.parentElement.addEventListener("focusout", ({ relatedTarget }) => {
      if (!field.parentElement.contains(relatedTarget)) list.hidden = true;
    });
    list.addEventListener("click", () => (list.hidden = true));
  };

  document.addEventListener("DOMContentLoaded", () => {
    themes();
    contents();
    search();
  });
})();
