// Explorers, questions and sortable tables without a kernel. Without this script, pictures and answers are still there.
const make = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

for (const box of document.querySelectorAll(".explorer:has(script)")) {
  const {folder, controls, pictures} = JSON.parse(box.querySelector("script").textContent);
  const image = box.querySelector("img"), said = box.querySelector(".said");
  const numbers = new Map(pictures.map(({at}, number) => [at.join(), number]));
  const inputs = controls.map(({slider, labels, start}) => slider
    ? make("input", {type: "range", min: 0, max: labels.length - 1, value: start})
    : make("select", {}, ...labels.map((text, value) => make("option", {text, value, selected: value === start}))));
  const outputs = inputs.map(() => make("output"));
  const show = (moved) => {
    let at = inputs.map((input) => Number(input.value));
    if (!numbers.has(at.join())) at = controls.map(({start}, k) => k === moved ? at[k] : start);
    const number = numbers.get(at.join());
    controls.forEach(({slider, labels}, k) => {
      inputs[k].value = at[k];
      if (slider) outputs[k].textContent = labels[at[k]];
      if (slider) inputs[k].setAttribute("aria-valuetext", labels[at[k]]);
    });
    if (moved === undefined) return;
    image.src = `${folder}/${number}.webp`;
    image.alt = said.textContent = pictures[number].alt;
  };
  inputs.forEach((input, k) => input.addEventListener("input", () => show(k)));
  box.prepend(make("div", {className: "controls"},
    ...controls.map(({name}, k) => make("label", {}, make("span", {textContent: name}), inputs[k], outputs[k]))));
  show();
}

document.querySelectorAll(".prediction").forEach((box, number) => {
  const list = box.querySelector("ul"), answer = box.querySelector("details"), right = answer.querySelector("b");
  const button = make("button", {type: "button", textContent: "Commit", disabled: true});
  const options = [...list.children].map((item, k) => make("input", {type: "radio", name: `guess-${number}`, value: k}));
  const form = make("fieldset", {}, make("legend", {}, ...box.querySelector("p").childNodes), ...options.map((option, k) =>
    make("label", {}, option, make("span", {textContent: list.children[k].textContent}))), button);
  form.addEventListener("change", () => { button.disabled = false; });
  button.addEventListener("click", () => {
    const guess = options.findIndex((option) => option.checked);
    const verdict = `${list.children[guess].textContent}.` === right.textContent ? "You were right. " : "It is: ";
    const outcome = make("div", {className: "outcome", tabIndex: -1}, ...[...answer.childNodes].slice(1));
    if (verdict === "It is: ") right.prepend(verdict); else right.textContent = verdict;
    form.disabled = true;
    box.append(outcome);
    outcome.focus();
  });
  box.querySelector("p").remove();
  list.replaceWith(form);
  answer.remove();
});

for (const table of document.querySelectorAll("table.sortable")) {
  const text = (row, k) => row.children[k].textContent.replaceAll(",", "");
  table.querySelectorAll("th").forEach((head, k) => head.firstChild.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => up * text(a, k).localeCompare(text(b, k), "en", {numeric: true}));
    table.tBodies[0].append(...rows);
    table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up > 0 ? "ascending" : "descending");
  }));
}

const reach = () => document.querySelectorAll(".table-wrapper, pre, .formula").forEach((wide) => {
  if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0; // then the keyboard scrolls it, too
});
addEventListener("resize", reach);
addEventListener("toggle", reach, true);
reach();
