// The register's line of an instrument: make, change, retire, restore.

import { get, patch, path, post, remove } from "../api.js";
import { button, h } from "../dom.js";
import { ask, attempt, filled, form, toast } from "../forms.js";
import { reloadInstruments } from "../live.js";
import { go, link } from "../router.js";
import { texts } from "../texts.js";

const limits = ["low_low", "low", "high", "high_high"];

export function newInstrumentView(_, signal) {
  const element = h("section", { class: "panel" }, h("h1", null, texts.register.new), h("p", { role: "status" }, texts.loading));
  choices().then((lists) => {
    if (signal.aborted) return;
    element.lastChild.replaceWith(form({
      fields: fields({}, lists), action: texts.register.add, cancel: () => go(""),
      submit: async (values) => {
        const { limits: given, ...rest } = nested(values);
        const set = filled(given);
        const made = await post("/api/instruments", filled({ ...rest, limits: Object.keys(set).length ? set : null }));
        toast(texts.register.added(made.tag_number));
        await reloadInstruments();
        go("instrument", made.tag_number, "trend");
      },
    }));
  });
  return element;
}

export function registerTab(instrument, signal) {
  const tag = instrument.tag_number;
  const element = h("section", { class: "panel" }, h("h2", null, texts.register.title), h("p", { role: "status" }, texts.loading));
  choices().then((lists) => {
    if (signal.aborted) return;
    const before = nested(flat(instrument));
    element.lastChild.replaceWith(form({
      fields: fields(flat(instrument), lists), action: texts.action.save,
      submit: async (values) => {
        const changes = differing(before, nested(values));
        if (!Object.keys(changes).length) return toast(texts.register.nothing);
        const changed = await patch(path`/api/instruments/${instrument.id}`, changes);
        toast(texts.register.saved(tag));
        await reloadInstruments();
        const to = link("instrument", changed?.tag_number ?? tag, "trend");
        location.hash = to;
      },
    }), h("hr"), instrument.retired
      ? button(texts.register.restore, () => attempt(async () => {
        await post(path`/api/instruments/${instrument.id}/restore`);
        await reloadInstruments();
        go("instrument", tag, "trend");
      }, texts.register.restored(tag)))
      : button(texts.register.retire, () => retire(instrument), { class: "danger" }));
  });
  return element;
}

function retire(instrument) {
  ask({
    title: texts.register.retireTitle(instrument.tag_number), text: texts.register.retireWords, isDanger: true,
    action: texts.register.retire,
    submit: async () => {
      await remove(path`/api/instruments/${instrument.id}`);
      toast(texts.register.gone(instrument.tag_number));
      await reloadInstruments();
      go("");
    },
  });
}

/** What can be chosen: names of areas and modules; empty where the gateway does not say. */
async function choices() {
  const [areas, buses] = await Promise.all([
    get("/api/process-units").catch(() => []), get("/api/buses").catch(() => []),
  ]);
  return { areas, modules: buses.flatMap((bus) => bus.modules.map((module) => module.name)) };
}

function fields(value, { areas, modules }) {
  const { field, hint } = texts.register;
  const one = (name, more = {}) => ({ name, label: field[name], value: value[name], hint: hint[name], ...more });
  const number = (name, more) => one(name, { type: "number", ...more });
  const choice = (name, words) => one(name, { type: "select", options: Object.entries(words) });
  const known = new Set(modules);
  if (value.module && !known.has(value.module)) modules = [value.module, ...modules];
  return [
    one("tag_number", { maxlength: 64, autocapitalize: "characters", readonly: value.tag_number !== undefined }),
    choice("instrument_type", texts.type),
    one("measured_variable", { maxlength: 120, isWide: true }),
    number("range_min"), number("range_max"), one("unit", { maxlength: 32 }),
    number("nominal_value", { optional: true }),
    modules.length ? one("module", { type: "select", options: modules.map((name) => [name, name]) }) : one("module"),
    number("channel", { min: 1, step: 1 }),
    ...limits.map((name) => number(`limits.${name}`, { label: texts.limit[name], optional: true })),
    one("process_unit", { suggestions: areas, optional: true, maxlength: 64 }),
    one("location", { optional: true, maxlength: 120 }),
    one("associated_equipment", { optional: true, maxlength: 120 }),
    choice("criticality", texts.criticality),
    one("accuracy_class", { optional: true, maxlength: 32 }),
    number("calibration_interval_days", { optional: true, min: 1, step: 1 }),
  ];
}

function flat(instrument) {
  const { limits: each = {}, ...rest } = instrument;
  return { ...rest, ...Object.fromEntries(limits.map((name) => [`limits.${name}`, each[name] ?? null])) };
}

const names = [
  "tag_number", "instrument_type", "measured_variable", "unit", "range_min", "range_max", "nominal_value", "module", "channel",
  "process_unit", "location", "associated_equipment", "criticality", "accuracy_class", "calibration_interval_days",
];

function nested(values) {
  const made = Object.fromEntries(names.map((name) => [name, values[name] === "" ? null : values[name] ?? null]));
  const each = Object.fromEntries(limits.map((name) => [name, values[`limits.${name}`] ?? null]));
  return { ...made, limits: each };
}

function differing(before, after) {
  const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
  return Object.fromEntries(Object.entries(after).filter(([name, value]) => !same(before[name], value)));
}
