/* The explorer: a slider and a plot per resource, the answer with its drawing, a network kept beside it, and commands. */

const STEPS = 300;
const PLOT = { width: 300, height: 150, left: 10, right: 290, top: 10, bottom: 128 };
const MOST_DOTS = 400;

class Explorer {
  constructor(root) {
    this.root = root;
    this.data = JSON.parse(root.querySelector("script").textContent);
    this.answers = new Answers(this.data);
    this.drawing = new Drawing(this.data.drawing, this.answers);
    this.cost = Object.fromEntries(this.data.costs.map((cost) => [cost.resource, cost]));
    this.limits = Object.fromEntries(this.data.sliders.map((slider) => [slider.resource, slider.start]));
    this.kept = -1;
    this.sliders = this.data.sliders.map((slider) => this.connect(slider.resource));
    this.on("keep", () => this.keep(this.answer));
    this.on("drop", () => this.keep(-1));
    this.on("best", () => this.free());
    root.querySelectorAll("[data-copy]").forEach((button) => button.addEventListener("click", () => copy(button)));
    root.hidden = false;
    this.show();
  }

  find(role) {
    return this.root.querySelector(`[data-role="${role}"]`);
  }

  on(role, action) {
    this.find(role).addEventListener("click", action);
  }

  connect(resource) {
    const costs = this.answers.costs[resource];
    const [low, high] = [costs.reduce((a, b) => Math.min(a, b)), costs.reduce((a, b) => Math.max(a, b))];
    const step = roundStep(high - low, STEPS);
    const place = this.root.querySelector(`[data-resource="${resource}"]`);
    const slider = { resource, low, high, step, range: place.querySelector("[type=range]"), exact: place.querySelector("[type=text]") };
    slider.plot = place.querySelector("svg");
    slider.range.min = Math.ceil(low / step);
    slider.range.max = Math.ceil(high / step) + 1;
    slider.range.addEventListener("input", () => {
      const isFree = slider.range.value === slider.range.max;
      this.limit(resource, isFree ? null : Number(slider.range.value) * step);
    });
    slider.exact.addEventListener("change", () => {
      const text = slider.exact.value.trim();
      const value = text === "" ? null : parseAmount(text, this.cost[resource]);
      slider.exact.setAttribute("aria-invalid", String(Number.isNaN(value)));
      if (!Number.isNaN(value)) this.limit(resource, value);
    });
    slider.plot.addEventListener("click", (event) => this.pick(slider, event));
    return slider;
  }

  limit(resource, value) {
    this.limits[resource] = value;
    this.show();
  }

  free() {
    for (const name of this.answers.limited) this.limits[name] = null;
    this.show();
  }

  keep(answer) {
    this.kept = answer;
    this.show();
  }

  /* A click takes the nearest point of the front: its cost becomes the limit. */
  pick(slider, event) {
    const box = slider.plot.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * PLOT.width;
    const y = ((event.clientY - box.top) / box.height) * PLOT.height;
    if (!slider.points.length) return; // the other limits allow no network
    const distance = ([left, top]) => (left - x) ** 2 + (top - y) ** 2;
    const nearest = slider.points.reduce((a, b) => (distance(b.at) < distance(a.at) ? b : a));
    this.limit(slider.resource, this.answers.costs[slider.resource][nearest.answer]);
  }

  show() {
    this.answer = this.answers.choose(this.limits);
    for (const slider of this.sliders) this.showSlider(slider);
    this.find("answer").textContent = this.sentence();
    this.find("found").hidden = this.answer < 0;
    for (const role of ["drop", "kept", "differences", "title"]) this.find(role).hidden = this.kept < 0;
    this.root.dataset.answer = this.answer < 0 ? "" : this.drawing.text(this.answer);
    if (this.answer < 0) return;
    this.showFigures();
    this.find("network").innerHTML = this.drawing.svg(this.answer, this.kept);
    if (this.kept >= 0) this.showKept();
    this.showCommands();
  }

  showSlider(slider) {
    const { resource, range, step } = slider;
    const [limit, cost] = [this.limits[resource], this.cost[resource]];
    const text = limit === null ? "no limit" : readAmount(limit, cost);
    range.value = limit === null ? range.max : Math.min(Math.floor(limit / step), range.max - 1);
    range.setAttribute("aria-valuetext", text);
    slider.exact.value = limit === null ? "" : plainAmount(limit, cost);
    slider.exact.setAttribute("aria-invalid", "false");
    this.plot(slider);
  }

  /* Score over one resource inside the other limits: every dot is the answer for some limit on this resource. */
  plot(slider) {
    const { resource, low, high } = slider;
    const { score, costs, count } = this.answers;
    const [left, right, top, bottom] = [PLOT.left, PLOT.right, PLOT.top, PLOT.bottom];
    const x = (value) => left + ((right - left) * (Math.min(value, high) - low)) / (high - low || 1);
    const y = (value) => top + ((bottom - top) * (score[count - 1] - value)) / (score[count - 1] - score[0] || 1);
    const steps = this.answers.steps(resource, this.limits);
    slider.points = steps.map((answer) => ({ answer, at: [x(costs[resource][answer]), y(score[answer])] }));
    const line = slider.points.map(({ at: [h, v] }, i) => (i ? `H${h.toFixed(1)}V${v.toFixed(1)}` : `M${h.toFixed(1)} ${v.toFixed(1)}`));
    const every = Math.ceil(slider.points.length / MOST_DOTS);
    const dots = slider.points.filter((_, i) => i % every === 0).map(({ answer, at: [h, v] }) => {
      const title = `${readAmount(costs[resource][answer], this.cost[resource])}, score ${score[answer].toFixed(5)}`;
      return `<circle cx="${h.toFixed(1)}" cy="${v.toFixed(1)}" r="3"><title>${title}</title></circle>`;
    });
    const limit = this.limits[resource];
    const rule = limit === null ? "" : `<path class="rule" d="M${x(Math.max(limit, low)).toFixed(1)} ${top}V${bottom}"/>`;
    const mark = this.answer < 0 ? "" : `<circle class="mark" cx="${x(costs[resource][this.answer])}" cy="${y(score[this.answer])}" r="6"/>`;
    const ends = `<text x="${left}" y="145">${readAmount(low, this.cost[resource])}</text>
      <text x="${right}" y="145" text-anchor="end">${readAmount(high, this.cost[resource])}</text>`;
    const word = `<text class="word" x="${right}" y="20" text-anchor="end">score, lower is better</text>`;
    slider.plot.innerHTML = `<path class="axis" d="M${left} ${top}V${bottom}H${right}"/><path class="steps"
      d="${line.join("")}${line.length ? `H${right}` : ""}"/>${rule}${dots.join("")}${mark}${ends}${word}`;
  }

  sentence() {
    if (this.answer >= 0) {
      const above = this.above(this.answer);
      const far = above === 0 ? "the best of the space" : `${inBrackets(this.distance(this.answer))} above the best of the space`;
      return `Best network inside these limits: score ${this.answers.score[this.answer].toFixed(5)}, ${far}.`;
    }
    const enough = this.sliders.filter((slider) => slider.points.length).map((slider) => {
      const least = this.answers.costs[slider.resource][slider.points[0].answer];
      return `${this.cost[slider.resource].title} of ${readAmount(least, this.cost[slider.resource])}`;
    });
    const way = enough.length ? ` With the other limits as they are, a network needs ${enough.join(", or ")}.` : "";
    return `No network meets these limits.${way}`;
  }

  /* The distance from the best, and how sure it is, where that is known. */
  distance(answer) {
    const error = this.answers.standardError(answer, 0, this.data.batches);
    const above = this.above(answer);
    return [above.toFixed(5), error ? `${(above / error).toFixed(1)} standard errors` : ""];
  }

  above(answer) {
    return this.answers.score[answer] - this.answers.score[0];
  }

  showFigures() {
    const shown = this.kept < 0 ? [this.answer] : [this.answer, this.kept];
    const row = (title, text, note = "") =>
      `<tr><th scope="row">${title}${note && `<small>${note}</small>`}</th>${shown.map((answer) => `<td class="n">${text(answer)}</td>`).join("")}</tr>`;
    const rows = [
      row("summed score", (answer) => this.answers.score[answer].toFixed(5), "lower is better"),
      row("above the best of the space", (answer) => stacked(this.distance(answer)), "the best without limits has 0"),
      ...this.data.kinds.map((kind) => row(`${escaped(kind.title)}, summed`, (answer) => this.kind(answer, kind).toFixed(5))),
      ...this.data.costs.map((cost) => row(escaped(cost.title), (answer) => this.amount(answer, cost), escaped(cost.note))),
    ];
    const heads = ["", "this network", "kept network"].slice(0, 1 + shown.length);
    const head = heads.map((title) => `<th scope="col" class="n">${title}</th>`).join("");
    this.find("figures").innerHTML = `<table><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
  }

  kind(answer, kind) {
    return kind.values.reduce((sum, rows, block) => sum + rows[this.answers.row(answer, block + 1)], 0);
  }

  amount(answer, cost) {
    const value = this.answers.costs[cost.resource][answer];
    return stacked([readAmount(value, cost), cost.teacher ? `${((100 * value) / cost.teacher).toFixed(1)} % of the teacher` : ""]);
  }

  showKept() {
    const found = this.drawing.differences(this.answer, this.kept);
    this.find("kept-network").innerHTML = this.drawing.svg(this.kept, this.answer);
    this.find("differences").textContent = found.length
      ? `This network differs from the kept one in ${found.join("; ")}. Layers that differ are outlined and marked \u2260.`
      : "Both are the same network.";
  }

  showCommands() {
    const { run, options, name, retrains } = this.data.command;
    let asked = this.answers.limited.filter((resource) => this.limits[resource] !== null);
    let limits = asked.map((resource) => [this.cost[resource].option, plainAmount(this.limits[resource], this.cost[resource])]);
    if (!asked.length) limits = [["macs", String(this.answers.costs.macs[this.answer])]]; // without limits, search does the recipe's
    const search = limits.map(([option, value]) => ` --max ${option}=${value}`).join("");
    const named = limits.map(([option, value]) => `max-${option}-${value}`).join("-") + name;
    this.find("search").textContent = `helixnas search ${run}${search}${options}`;
    if (retrains) this.find("retrain").textContent = `helixnas retrain ${run} --name ${named}`;
    this.find("export").textContent = `helixnas export ${run} --name ${named}${retrains ? "" : " --weights inherited"}`;
    this.find("measured").hidden = !asked.includes("latency_ns");
  }
}

function inBrackets([text, note]) {
  return note ? `${text} (${note})` : text;
}

function stacked([text, note]) {
  return note ? `${text}<small>${note}</small>` : text;
}

/* The clipboard is not there on every page that lies on disk; a selection is. */
async function copy(button) {
  const code = button.parentElement.querySelector("code");
  getSelection().selectAllChildren(code);
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    document.execCommand("copy");
  }
  button.textContent = "copied";
  setTimeout(() => (button.textContent = "copy"), 1500);
}

document.querySelectorAll(".explorer").forEach((root) => new Explorer(root));
