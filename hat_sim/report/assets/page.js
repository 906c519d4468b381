"use strict";
(() => {
  const drawings = JSON.parse(document.getElementById("drawings").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function draw(figure) {
    const plot = figure.querySelector(".plot");
    const { chart, height, rows } = drawings.figures[figure.id];
    const theme = dark.matches ? "dark" : "light";
    return vegaEmbed(plot, { ...drawings.charts[chart], height, datasets: { [drawings.rows]: rows } }, {
      config: drawings.looks[theme],
      renderer: "svg",
      tooltip: { theme },
      actions: { export: true, source: false, compiled: false, editor: false },
      downloadFileName: figure.id,
      scaleFactor: 2,
    }).catch((error) => {
      console.error(figure.id, error);
      plot.innerHTML = '<p class="failed">This plot could not be drawn; its numbers are below.</p>';
    });
  }

  // One after the other, so that the page stays responsive, and only what is visible: a hidden plot has no width.
  async function drawVisible() {
    delete document.documentElement.dataset.ready;
    for (const figure of document.querySelectorAll("figure:not([data-drawn])")) {
      if (figure.offsetParent === null) continue;
      figure.dataset.drawn = "";
      await draw(figure);
    }
    document.documentElement.dataset.ready = "";
  }

  function redraw() {
    document.documentElement.classList.toggle("drawn-dark", dark.matches);
    for (const figure of document.querySelectorAll("figure[data-drawn]")) delete figure.dataset.drawn;
    return drawVisible();
  }

  function show(name) {
    for (const panel of document.querySelectorAll(".panel")) panel.hidden = panel.dataset.panel !== name;
  }

  function sort(header) {
    const table = header.closest("table");
    const column = [...header.parentElement.children].indexOf(header);
    const direction = header.getAttribute("aria-sort") === "descending" ? "ascending" : "descending";
    for (const other of header.parentElement.children) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    const key = (row) => {
      const cell = row.children[column];
      return "order" in cell.dataset ? Number(cell.dataset.order) : cell.textContent;
    };
    const compare = (a, b) => {
      if (a === "" || b === "") return (a === "") - (b === "");
      return sign * (typeof a === "number" && typeof b === "number"
        ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
    };
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [key(row), row]).sort((a, b) => compare(a[0], b[0]));
    body.append(...rows.map(([, row]) => row));
  }

  document.addEventListener("click", (event) => {
    const header = event.target.closest("table.sortable th");
    if (header) sort(header);
  });
  const selector = document.getElementById("panel");
  if (selector) {
    selector.addEventListener("change", () => {
      show(selector.value);
      drawVisible();
    });
    show(selector.value);
  }
  dark.addEventListener("change", redraw);
  redraw();
})();
