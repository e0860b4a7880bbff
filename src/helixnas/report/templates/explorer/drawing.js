/* A network as SVG, in the manner of `helixnas.report.elements.drawing`; layers that differ from another network are marked. */

const LEGIBLE = 0.6; // the smallest scale at which words in a drawing are read; smaller screens scroll

function escaped(text) {
  return String(text).replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

class Drawing {
  constructor(data, answers) {
    this.data = data;
    this.answers = answers;
  }

  /* The paths of a network, a column each: those of the stem, then those of the blocks. */
  paths(answer) {
    return this.data.columns.map((column, number) => {
      const block = number - this.data.stem + 1;
      return column.paths[block < 1 ? 0 : this.answers.row(answer, block)];
    });
  }

  text(answer) {
    return this.paths(answer).slice(this.data.stem).map((path) => path.text).join(" ");
  }

  /* Per column in which two networks differ, its title with both paths. */
  differences(one, other) {
    const theirs = this.paths(other);
    return this.paths(one).flatMap((path, number) =>
      path.text === theirs[number].text
        ? []
        : [`${this.data.columns[number].title.toLowerCase()}: ${path.text} instead of ${theirs[number].text}`]
    );
  }

  svg(answer, other) {
    const { middles, step, height, head, sizes } = this.data;
    const paths = this.paths(answer);
    const theirs = other < 0 ? null : this.paths(other);
    const last = middles[middles.length - 1];
    const first = (number) => (number < paths.length ? this.bar(paths[number], 0).width : sizes.bar);
    const parts = paths.map((path, number) => {
      const column = this.column(path, number, theirs && theirs[number]);
      return column + this.arrow(path, middles[number], middles[number + 1] - first(number + 1) / 2);
    });
    parts.push(word(last, 14, "Head", "title"), word(last, 29, head, "under"));
    parts.push(`<rect x="${last - sizes.bar / 2}" y="${sizes.top}" width="${sizes.bar}" height="${sizes.thick}" rx="3"
      fill="#ffffff" stroke="${sizes.wire}"/>`, word(last, sizes.top + 15, "pool, linear", "layer"));
    const width = step * middles.length;
    return `<div class="scroll"><svg class="net" role="img" aria-label="${escaped(`Architecture: ${this.text(answer)}`)}"
      viewBox="0 0 ${width} ${height}" style="max-width:${width}px;min-width:${Math.round(LEGIBLE * width)}px">${parts.join("")}</svg></div>`;
  }

  bar(path, layer) {
    return this.data.bars[path.bars.at(layer)];
  }

  column(path, number, theirs) {
    const { columns, middles, sizes } = this.data;
    const middle = middles[number];
    const parts = [word(middle, 14, columns[number].title, "title")];
    parts.push(word(middle, 29, `${path.width} channels`, theirs && theirs.width !== path.width ? "under differs" : "under"));
    parts.push(word(middle, 43, `stride ${columns[number].stride}`, "under"));
    path.bars.forEach((_, layer) => {
      const bar = this.bar(path, layer);
      const top = sizes.top + layer * sizes.row;
      const differs = theirs && theirs.bars[layer] !== path.bars[layer];
      parts.push(`<g${differs ? ' class="differs"' : ""}><title>${escaped(bar.title)}</title>
        <rect x="${middle - bar.width / 2}" y="${top}" width="${bar.width}" height="${sizes.thick}" rx="3" fill="${bar.fill}"
        stroke="${bar.line}"${bar.is_dashed ? ' stroke-dasharray="4 3"' : ""}/>${word(middle, top + 15, bar.name, "layer")}</g>`);
      if (differs) parts.push(word(middle - bar.width / 2 - 8, top + 15, "\u2260", "title differs"));
      if (layer > 0) parts.push(`<path d="M${middle} ${top}v${sizes.thick - sizes.row}" class="wire"/>`);
    });
    return parts.join("");
  }

  arrow(path, middle, target) {
    const { bar, top, row, thick } = this.data.sizes;
    const start = middle + this.bar(path, -1).width / 2;
    const low = top + (path.bars.length - 1) * row + thick / 2;
    return `<path d="M${start} ${low}H${middle + bar / 2 + 11}V${top + thick / 2}H${target - 2}m-5 -3.5l5 3.5l-5 3.5" class="wire"/>`;
  }
}

function word(x, y, text, kind) {
  return `<text x="${x}" y="${y}" text-anchor="middle" class="${kind}">${escaped(text)}</text>`;
}
