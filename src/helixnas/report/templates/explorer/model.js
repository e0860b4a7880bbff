/* The answers of all budgets, and the rule by which a search chooses among them. A limit is a number, or null for none. */

const FACTORS = { "": 1n, k: 10n ** 3n, m: 10n ** 6n, g: 10n ** 9n, b: 10n ** 9n, t: 10n ** 12n };
const LARGEST = 2n ** 63n; // limits are below this
const MOST_DIGITS = 5000; // no amount that a person types is so small

class Answers {
  constructor(data) {
    const bytes = Uint8Array.from(atob(data.answers), (letter) => letter.charCodeAt(0));
    this.places = data.size === 1 ? bytes : new Uint16Array(bytes.buffer);
    this.depth = data.blocks.length;
    this.count = this.places.length / this.depth;
    this.blocks = data.blocks;
    this.costs = {};
    data.costs.forEach((cost, column) => {
      this.costs[cost.resource] = this.totals((block) => block.costs[column], data.combine[column] === "max");
    });
    this.score = this.totals((block) => block.score, false);
    const equal = new Set(data.equal);
    this.group = new Uint32Array(this.count);
    for (let i = 1; i < this.count; i++) this.group[i] = this.group[i - 1] + (equal.has(i) ? 0 : 1);
    this.limited = data.sliders.map((slider) => slider.resource);
    this.byCost = {};
    for (const name of this.limited) {
      const costs = this.costs[name];
      this.byCost[name] = Uint32Array.from({ length: this.count }, (_, i) => i).sort((a, b) => costs[a] - costs[b] || a - b);
    }
  }

  totals(column, isMax) {
    const found = new Float64Array(this.count);
    this.blocks.forEach((block, number) => {
      const values = column(block);
      for (let i = 0; i < this.count; i++) {
        const part = values[this.places[i * this.depth + number]];
        found[i] = isMax ? Math.max(found[i], part) : found[i] + part;
      }
    });
    return found;
  }

  /* The paired standard error of the difference of two scores over rating batches (`helixnas.search.confidence`); null if unknown. */
  standardError(one, other, batches) {
    if (batches === null) return null;
    const { weights, scores } = batches;
    const differences = weights.map((_, batch) =>
      scores.reduce((sum, rows, block) => sum + rows[this.row(one, block + 1)][batch] - rows[this.row(other, block + 1)][batch], 0)
    );
    const mean = differences.reduce((sum, value, batch) => sum + value * weights[batch], 0);
    const spread = differences.reduce((sum, value, batch) => sum + weights[batch] * (value - mean) ** 2, 0);
    const squares = weights.reduce((sum, weight) => sum + weight ** 2, 0);
    return Math.sqrt((spread * weights.length) / (weights.length - 1) * squares);
  }

  row(answer, block) {
    return this.places[answer * this.depth + block];
  }

  fits(answer, limits, without) {
    return this.limited.every((name) => name === without || limits[name] === null || this.costs[name][answer] <= limits[name]);
  }

  /* The answer of a search: the lowest score, then the lowest costs in the order of ties, then the first; -1 for none. */
  choose(limits) {
    const asked = this.limited.filter((name) => limits[name] !== null);
    const ties = [...asked, "macs", "params"].map((name) => this.costs[name]);
    let best = -1;
    for (let i = 0; i < this.count; i++) {
      if (best >= 0 && this.group[i] !== this.group[best]) break;
      if (this.fits(i, limits, null) && (best < 0 || precedes(i, best, ties))) best = i;
    }
    return best;
  }

  /* Of the answers inside the other limits, those that no other beats in score and one resource, by cost. */
  steps(resource, limits) {
    const found = [];
    let lowest = Infinity;
    for (const i of this.byCost[resource]) {
      if (this.group[i] < lowest && this.fits(i, limits, resource)) {
        found.push(i);
        lowest = this.group[i];
      }
    }
    return found;
  }
}

function precedes(one, other, ties) {
  for (const costs of ties) if (costs[one] !== costs[other]) return costs[one] < costs[other];
  return false;
}

/* A limit that a person typed, as `helixnas search --max` reads it (`helixnas.search.amounts`): 5300000, 5.3M, 1e6, 60% (of the
   teacher's); NaN if it is none. */
function parseAmount(text, cost) {
  const match = /^\s*(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?\s*([kmgbt%]?)\s*$/i.exec(text);
  if (!match) return NaN;
  const [, whole, decimals = "", power = "0", suffix] = match;
  if (!Number.isFinite(Number(`${whole}.${decimals}e${power}`))) return NaN;
  const shift = Number(power) - decimals.length;
  if (Math.abs(shift) > MOST_DIGITS) return 0; // a larger one was not finite, unless it is zero
  let number = BigInt(whole + decimals) * (shift > 0 ? 10n ** BigInt(shift) : 1n);
  let divisor = shift < 0 ? 10n ** BigInt(-shift) : 1n;
  if (suffix === "%") {
    if (cost.teacher === null) return NaN;
    number *= BigInt(cost.teacher);
    divisor *= 100n;
  } else {
    number *= FACTORS[suffix.toLowerCase()] * BigInt(cost.unit);
  }
  const amount = number / divisor;
  return amount < LARGEST ? Number(amount) : NaN;
}

/* An amount in the unit of commands, exact: 351000000, 3.25. */
function plainAmount(value, cost) {
  if (cost.unit === 1) return String(value);
  const digits = String(cost.unit).length - 1;
  const text = String(value).padStart(digits + 1, "0");
  return `${text.slice(0, -digits)}.${text.slice(-digits)}`.replace(/\.?0+$/, "");
}

/* An amount for reading: 7.26 M, 3.25 ms. */
function readAmount(value, cost) {
  if (cost.unit !== 1) return `${(value / cost.unit).toFixed(3)} ms`;
  for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]]) {
    if (value >= size) return `${Number((value / size).toPrecision(3))} ${unit}`;
  }
  return String(value);
}

/* The largest of 1, 2, 5, 10, 20, .. that still gives a slider so many steps over a range. */
function roundStep(range, steps) {
  let step = 1;
  for (let power = 1; power <= range; power *= 10) {
    for (const digit of [1, 2, 5]) if (digit * power * steps <= range) step = digit * power;
  }
  return step;
}
