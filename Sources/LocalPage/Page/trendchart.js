// Chart.js, as this page uses it: one line with its band of minimum and maximum over a time axis.

import { moment, number } from "./format.js";
import { texts } from "./texts.js";
import { colour } from "./theme.js";
import { timeTicks } from "./timeaxis.js";
import { marksPlugin } from "./trendmarks.js";

let library = null;

/** Loads Chart.js from the gateway, once; rejects where it is not installed there. */
export function loadChart() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/chart.js";
    script.addEventListener("load", () => (window.Chart ? resolve(window.Chart) : reject(new Error(texts.trend.noChart))));
    script.addEventListener("error", () => {
      library = null;
      script.remove();
      reject(new Error(texts.trend.noChart));
    });
    document.head.append(script);
  });
  return library;
}

/** A trend on `canvas`. `onCursor` hears the point that is looked at. */
export class TrendChart {
  #chart;
  #canvas;
  #digits;
  #marks = { trend: null, span: null };
  #wholeRange = false;

  constructor(Chart, canvas, { digits, unit, onCursor }) {
    this.#canvas = canvas;
    this.#digits = digits;
    const words = (value) => `${number(value, digits)} ${unit}`;
    this.#chart = new Chart(canvas, {
      type: "line",
      data: { datasets: [this.#line("min"), { ...this.#line("max"), fill: "-1" }, this.#line("mean")] },
      options: {
        animation: false, parsing: false, normalized: true, responsive: true, maintainAspectRatio: false,
        interaction: { mode: "index", axis: "x", intersect: false },
        layout: { padding: { top: 14, right: 4 } },
        onHover: (_, active) => onCursor(active[0]?.index ?? null),
        scales: {
          x: {
            type: "linear",
            afterBuildTicks: (axis) => { axis.ticks = timeTicks(axis.min, axis.max, Math.max(2, axis.width / 84)); },
            ticks: { autoSkip: false, maxRotation: 0, callback: (_, index, ticks) => ticks[index].label },
          },
          y: { ticks: { maxTicksLimit: 7, includeBounds: false, callback: (value) => number(value, digits) } },
        },
        plugins: {
          legend: { display: false },
          tooltip: {
            displayColors: false,
            filter: (item) => item.datasetIndex === 2,
            callbacks: {
              title: (items) => (items.length ? moment(items[0].parsed.x) : ""),
              label: (item) => this.#pointWords(item.dataIndex, words),
            },
          },
        },
      },
      plugins: [marksPlugin(() => this.#marks)],
    });
    this.repaint();
  }

  #line(key) {
    return { key, data: [], pointRadius: 0, pointHoverRadius: key === "mean" ? 4 : 0, borderWidth: key === "mean" ? 1.6 : 0, tension: 0 };
  }

  #pointWords(index, words) {
    const point = this.#marks.trend?.shown[index];
    if (!point) return "";
    if (point.mean === null) return texts.trend.noValue(texts.quality[point.quality] ?? point.quality);
    const lines = [words(point.mean)];
    if (point.max > point.min) lines.push(texts.trend.between(words(point.min), words(point.max)));
    if (point.quality !== "good") lines.push(texts.quality[point.quality] ?? point.quality);
    return lines;
  }

  /** Shows a trend as the gateway gave it. */
  show(trend) {
    const shown = withBreaks(trend);
    this.#marks = { ...this.#marks, trend: { ...trend, shown } };
    const { datasets } = this.#chart.data;
    const hasBand = shown.some((point) => point.max > point.min);
    for (const set of datasets) {
      set.data = set.key !== "mean" && !hasBand ? [] : shown.map((point) => ({ x: point.t, y: point[set.key] }));
    }
    const { x } = this.#chart.options.scales;
    x.min = Date.parse(trend.from);
    x.max = Date.parse(trend.to);
    this.#fit();
    this.#chart.update("none");
    return shown;
  }

  /** The whole measuring range on the axis, or only what the values need. */
  set wholeRange(flag) {
    this.#wholeRange = flag;
    this.#fit();
    this.#chart.update("none");
  }

  #fit() {
    const { trend } = this.#marks;
    if (!trend) return;
    const { y } = this.#chart.options.scales;
    const values = trend.points.flatMap((point) => [point.min, point.max]).filter((value) => value !== null);
    const span = trend.range_max - trend.range_min;
    let low = values.length ? Math.min(...values) : trend.range_min;
    let high = values.length ? Math.max(...values) : trend.range_max;
    if (this.#wholeRange) {
      low = Math.min(low, trend.range_min);
      high = Math.max(high, trend.range_max);
    } else {
      // Limits that are near are shown, and noise is not blown up to fill the picture.
      const near = Math.max(high - low, span * 0.02);
      for (const limit of [trend.nominal_value, ...Object.values(trend.limits ?? {})]) {
        if (limit === null || limit === undefined) continue;
        if (limit > high && limit - high < near) high = limit;
        if (limit < low && low - limit < near) low = limit;
      }
      const pad = Math.max((high - low) * 0.08, (span * 0.02 - (high - low)) / 2);
      low -= pad;
      high += pad;
    }
    y.min = low;
    y.max = high;
  }

  /** The marked span, `{from, to}` in milliseconds, or null. */
  set span(span) {
    this.#marks = { ...this.#marks, span };
    this.#chart.draw();
  }

  /** The time under a place on the canvas, within the axis. */
  timeAt(clientX) {
    const { x } = this.#chart.scales;
    const left = this.#canvas.getBoundingClientRect().left;
    return Math.round(Math.min(x.max, Math.max(x.min, x.getValueForPixel(clientX - left))));
  }

  /** Puts the cursor on a point, as a pointer would; null takes it away. */
  set cursor(index) {
    const active = index === null ? [] : this.#chart.data.datasets
      .map((set, datasetIndex) => ({ datasetIndex, index })).filter(({ datasetIndex }) => this.#chart.data.datasets[datasetIndex].data.length);
    this.#chart.setActiveElements(active);
    this.#chart.tooltip.setActiveElements(active, { x: 0, y: 0 });
    this.#chart.update("none");
  }

  /** Takes the theme's colours again. */
  repaint() {
    const [min, max, mean] = this.#chart.data.datasets;
    const { scales, plugins } = this.#chart.options;
    min.borderColor = max.borderColor = "transparent";
    max.backgroundColor = colour("band");
    mean.borderColor = mean.backgroundColor = colour("trace");
    for (const axis of [scales.x, scales.y]) {
      axis.ticks.color = colour("quiet");
      axis.grid = { color: colour("line"), borderColor: colour("line") };
    }
    plugins.tooltip.backgroundColor = colour("text");
    plugins.tooltip.titleColor = plugins.tooltip.bodyColor = colour("panel");
    this.#chart.update("none");
  }

  /** Frees the canvas. */
  destroy() { this.#chart.destroy(); }
}

// Where points are missing the line must break: an empty point goes into each hole.
function withBreaks(trend) {
  const width = trend.width_seconds * 1000;
  const longest = trend.level === "raw" ? Math.max(width * 1.5, 10_000) : width * 1.5;
  const shown = [];
  for (const point of trend.points) {
    const last = shown.at(-1);
    if (last && point.t - last.t > longest) {
      shown.push({ t: last.t + 1, min: null, mean: null, max: null, count: 0, quality: "bad" });
    }
    shown.push(point);
  }
  return shown;
}
