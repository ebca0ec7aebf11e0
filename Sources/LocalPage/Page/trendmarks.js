// What a trend shows beside its line, drawn on the canvas: gaps, quality, alerts, limits, and the span
// that is being marked.

import { texts } from "./texts.js";
import { colour } from "./theme.js";

const strip = 8;

/** A Chart.js plugin that draws what `marks()` gives: `{trend, span, ranges}`. */
export function marksPlugin(marks) {
  return {
    id: "marks",
    beforeDatasetsDraw(chart) {
      const { trend, span } = marks();
      if (!trend) return;
      const pen = new Pen(chart);
      for (const run of qualityRuns(trend)) {
        pen.block(run.from, run.to, colour(run.quality === "bad" ? "shade-bad" : "shade-uncertain"));
      }
      for (const gap of trend.gaps) pen.hatched(Date.parse(gap.from), Date.parse(gap.to), colour("shade-gap"));
      if (span) pen.span(span.from, span.to, colour("accent"));
      pen.level(trend.nominal_value, texts.trend.nominal, colour("quiet"), [2, 4]);
      for (const name of ["low_low", "low", "high", "high_high"]) {
        pen.level(trend.limits?.[name], texts.limit[name], colour("text"), name.includes("_") ? [] : [7, 4]);
      }
    },
    afterDatasetsDraw(chart) {
      const { trend, span } = marks();
      if (!trend) return;
      const pen = new Pen(chart);
      for (const alert of trend.alerts) pen.alert(alert);
      if (span) pen.edges(span.from, span.to, colour("accent"));
      const active = chart.tooltip?.getActiveElements?.()[0];
      if (active) pen.cursor(active.element.x, colour("quiet"));
    },
  };
}

/** Stretches in which the quality is not good, from point to point. */
export function qualityRuns(trend) {
  const width = trend.width_seconds * 1000;
  const runs = [];
  for (const point of trend.points) {
    if (point.quality === "good" || !point.count) continue;
    const last = runs.at(-1);
    if (last && last.quality === point.quality && point.t - last.to <= width * 1.5) last.to = point.t + width;
    else runs.push({ quality: point.quality, from: point.t, to: point.t + width });
  }
  return runs;
}

class Pen {
  constructor(chart) {
    this.context = chart.ctx;
    this.area = chart.chartArea;
    this.scales = chart.scales;
  }

  x(time) {
    return Math.min(this.area.right, Math.max(this.area.left, this.scales.x.getPixelForValue(time)));
  }

  block(from, to, fill) {
    const left = this.x(from);
    this.context.fillStyle = fill;
    this.context.fillRect(left, this.area.top, Math.max(1, this.x(to) - left), this.area.bottom - this.area.top);
  }

  hatched(from, to, stroke) {
    const { context, area } = this;
    const left = this.x(from);
    const right = Math.max(left + 1, this.x(to));
    context.save();
    context.beginPath();
    context.rect(left, area.top, right - left, area.bottom - area.top);
    context.clip();
    context.strokeStyle = stroke;
    context.lineWidth = 1;
    context.beginPath();
    for (let at = left - (area.bottom - area.top); at < right; at += 8) {
      context.moveTo(at, area.bottom);
      context.lineTo(at + (area.bottom - area.top), area.top);
    }
    context.stroke();
    context.restore();
  }

  span(from, to, tint) {
    this.context.save();
    this.context.globalAlpha = 0.18;
    this.block(Math.min(from, to), Math.max(from, to), tint);
    this.context.restore();
  }

  edges(from, to, stroke) {
    for (const time of [from, to]) {
      this.line(this.x(time), this.area.top, this.x(time), this.area.bottom, stroke, [], 2);
    }
  }

  cursor(x, stroke) {
    this.line(x, this.area.top, x, this.area.bottom, stroke, [], 1);
  }

  level(value, name, stroke, dash) {
    if (value === null || value === undefined) return;
    const y = this.scales.y.getPixelForValue(value);
    if (y < this.area.top || y > this.area.bottom) return;
    this.line(this.area.left, y, this.area.right, y, stroke, dash, 1);
    const { context } = this;
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "right";
    const width = context.measureText(name).width;
    context.fillStyle = colour("panel");
    context.fillRect(this.area.right - width - 6, y - 7, width + 6, 14);
    context.fillStyle = stroke;
    context.textBaseline = "middle";
    context.fillText(name, this.area.right - 3, y);
  }

  line(x1, y1, x2, y2, stroke, dash, width) {
    const { context } = this;
    context.save();
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
    context.restore();
  }

  // A strip along the top for as long as the alert was open, and its symbol where it began.
  alert(alert) {
    const { context, area } = this;
    const from = Date.parse(alert.from);
    const to = alert.to ? Date.parse(alert.to) : this.scales.x.max;
    const left = this.x(from);
    context.fillStyle = colour(alert.severity);
    context.fillRect(left, area.top - strip, Math.max(2, this.x(to) - left), 4);
    if (from < this.scales.x.min) return;
    const y = area.top - strip + 2;
    const shape = { critical: [[0, -7], [7, 0], [0, 7], [-7, 0]], warning: [[0, -7], [7, 6], [-7, 6]] }[alert.severity]
      ?? [[-6, -6], [6, -6], [6, 6], [-6, 6]];
    context.beginPath();
    shape.forEach(([dx, dy], index) => (index ? context.lineTo(left + dx, y + dy) : context.moveTo(left + dx, y + dy)));
    context.closePath();
    context.fill();
    context.strokeStyle = colour("alarm-edge");
    context.lineWidth = 1;
    context.stroke();
  }
}
