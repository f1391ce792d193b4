// Tables sort by the column whose head is pressed; a second press turns the order round.
const narrow = { TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell", TH: "columnheader" };
for (const table of document.querySelectorAll("table")) {
  // The layout of narrow screens takes the roles away that tables have by themselves.
  for (const part of [table, ...table.querySelectorAll("*")]) {
    if (narrow[part.tagName]) part.setAttribute("role", narrow[part.tagName]);
  }
}
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const valueOf = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const number = parseFloat(text.replaceAll(",", ""));
    return text === "-" || text === "" ? null : Number.isNaN(number) ? text : number;
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows].sort((first, second) => {
        const [one, other] = [valueOf(first, column), valueOf(second, column)];
        if (one === null || other === null) return (one === null) - (other === null);
        if (typeof one === typeof other) return sign * (one < other ? -1 : one > other ? 1 : 0);
        return typeof one === "number" ? -1 : 1;
      });
      table.tBodies[0].append(...rows);
    });
  });
}
// What is folded is printed too.
addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((part) => (part.open = true));
});
