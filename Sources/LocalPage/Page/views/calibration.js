// The calibrations of one instrument, and a new one.

import { get, post, query } from "../api.js";
import { h, table } from "../dom.js";
import { day, fieldTime, moment, number, plain, timeOfField } from "../format.js";
import { filled, form, toast } from "../forms.js";
import { reloadInstruments } from "../live.js";
import { texts } from "../texts.js";

export function calibrationTab(instrument, signal) {
  const tag = instrument.tag_number;
  const { calibration: text } = texts;
  const list = h("div", null, h("p", { role: "status" }, texts.loading));
  const unit = (label) => `${label} (${instrument.unit})`;
  const entry = () => form({
    fields: [
      { name: "performed_at", label: text.performedAt, type: "datetime-local", value: fieldTime(Date.now()) },
      { name: "passed", label: text.result, type: "select", options: [["", text.choose], ["true", text.passed], ["false", text.failed]] },
      { name: "reference_value", label: unit(text.reference), type: "number", optional: true },
      { name: "as_found_value", label: unit(text.asFound), type: "number", optional: true },
      { name: "as_left_value", label: unit(text.asLeft), type: "number", optional: true },
      { name: "notes", label: text.notes, type: "textarea", optional: true, maxlength: 1000 },
    ],
    action: text.add,
    submit: async ({ performed_at, passed, ...values }) => {
      await post("/api/calibrations", {
        tag_number: tag, performed_at: new Date(timeOfField(performed_at)).toISOString(), passed: passed === "true", ...filled(values),
      });
      toast(text.added(tag));
      place.replaceChildren(entry());
      reloadInstruments();
      await load();
    },
  });
  const place = h("div", null, entry());

  async function load() {
    try {
      const records = await get(query("/api/calibrations", { tag_number: tag }));
      if (signal.aborted) return;
      list.replaceChildren(records.length ? table(text.list, text.heads, records.map((record) => [
        moment(record.performed_at), record.passed ? text.passed : text.failed, record.performed_by,
        plain(record.reference_value), reading(record, "as_found"), reading(record, "as_left"), record.notes ?? "",
      ]), { numeric: [3, 4, 5] }) : h("p", { class: "words" }, text.none));
    } catch (problem) {
      list.replaceChildren(h("p", { role: "alert" }, problem.message));
    }
  }
  load();
  return h("div", { class: "models" },
    h("section", { class: "panel" }, h("h2", null, text.new),
      h("p", { class: "quiet" }, text.standing(texts.calibrationState[instrument.calibration_status] ?? instrument.calibration_status,
        instrument.next_due && day(instrument.next_due))), place),
    h("section", { class: "panel" }, h("h2", null, text.list), list));
}

/** A reading with its error in percent of span, where a reference was given. */
function reading(record, name) {
  const error = record[`${name}_error_percent`];
  const value = plain(record[`${name}_value`]);
  return error === null || error === undefined ? value : texts.calibration.withError(value, number(error, 2));
}
