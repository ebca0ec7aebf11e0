// Every word that the page says, in one place. To translate the page, translate this file: the keys and
// the functions' arguments stay. Words that come from the gateway (reasons, states) are keys here; one
// that is missing is shown as it came.

const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;

export const texts = {
  language: "en",
  /** How numbers and dates are written. */
  locale: "en-GB",
  product: "Loopgate",
  title: (gateway) => (gateway ? `${gateway} · Loopgate` : "Loopgate"),
  none: "–",
  yes: "yes",
  no: "no",
  more: "More",
  back: "Back to the plant",
  loading: "Loading …",
  skip: "Skip to the content",
  signOut: "Sign out",
  action: { cancel: "Cancel", close: "Close", edit: "Edit", retry: "Try again", save: "Save", search: "Search" },

  form: {
    required: "is needed", optional: "(optional)", note: "Note", seeFields: "Please correct the marked fields.",
  },
  problem: (status) => ({
    0: "The gateway does not answer. Is this device still in its network?",
    401: "You are not signed in.",
    403: "You may not do this.",
    404: "That is not there (any more).",
    413: "That is too long.",
    429: "Too many tries. Wait a little.",
    503: "The gateway cannot answer at the moment.",
  })[status] ?? `The gateway refused (${status}).`,

  time: {
    never: "no reading yet",
    ago: (length) => `${length} ago`,
    unit: { second: "s", minute: "min", hour: "h", day: "d" },
  },

  connection: {
    starting: "Connecting",
    live: "Live",
    polling: "Each 30 s",
    lost: "No connection",
  },
  badge: (active, waiting) => (active || waiting ? `${active} active, ${waiting} new` : "No alerts"),
  relayShort: (relay) => `Relay ${relay.demand === "energised" ? "healthy" : "alarm"}${relay.horn ? " ♪" : ""}`,
  announce: (alert) => `${texts.severity[alert.severity]}: ${alert.tag_number}, ${texts.alertTitle(alert)}. ${alert.explanation}`,

  ways: {
    title: "Views", plant: "Plant", alerts: "Alerts", buses: "Buses", relay: "Relay", jobs: "Jobs and export", users: "People",
    audit: "Audit log", settings: "Settings", simulator: "Simulator", account: "Account", more: "More",
  },

  signIn: {
    title: "Sign in",
    number: "Employee number",
    password: "Password",
    action: "Sign in",
    ended: "Your session has ended. Sign in again.",
    slower: (seconds) => `Too many tries. Wait ${plural(seconds, "second", "seconds")}.`,
  },
  setUp: {
    title: "First set-up",
    words: "Make the first administrator. The gateway printed a one-time code to its console and journal when it started.",
    code: "Set-up code",
    codeHint: "journalctl -u loopgate shows it",
    action: "Make administrator",
  },
  person: {
    number: "Employee number", name: "Full name", email: "E-mail", role: "Role", password: "Password", repeated: "Password, once more",
    current: "Present password", next: "New password", first: "Password to begin with",
    passwordHint: "At least 12 characters; four random words are good",
    firstHint: "At least 12 characters; it must be changed at the first sign-in",
    notTheSame: "is not the same",
    mustChange: "This password was set by an administrator. Choose one of your own.",
    mustChangeShort: "active, new password due",
    changePassword: "Change password",
    changedPassword: "Password changed; other sessions have ended",
    heads: ["Number", "Name", "Role", "State", "Last sign-in", "Actions"],
    active: "active", inactive: "deactivated", mayEnter: "May sign in",
    add: "Add a person",
    added: (name) => `${name} may sign in now`,
    changed: (name) => `${name} is changed`,
    reset: "Set password",
    resetWords: "All sessions of this person end, and the password must be changed at the next sign-in.",
    editOf: (user) => `Edit ${user.full_name}`,
    resetOf: (user) => `Set the password of ${user.full_name}`,
    wasReset: (user) => `${user.full_name} has a new password`,
  },
  role: { admin: "Administrator", technician: "Technician" },
  account: {
    look: "Look", theme: "Theme", zone: "Times", version: "Loopgate",
    themes: { auto: "As this device", light: "Light", dark: "Dark" },
    zones: { local: "This device's zone", utc: "UTC" },
  },

  tile: {
    instruments: "Instruments", overdue: "Calibration overdue", active: "Active alerts", orders: "Open work orders", gateway: "Gateway",
    trusted: (count) => `${count} good now`,
    waiting: (count) => (count ? `${count} to acknowledge` : "all acknowledged"),
    nothing: "nothing to mend",
    reasons: ([first, ...rest]) => (rest.length ? `${first} (+${rest.length} more)` : first),
  },
  gatewayHealth: { healthy: "Healthy", degraded: "Degraded", failing: "Failing" },
  filter: {
    search: "Search tag, name, place", nothing: "Nothing matches the filter.",
    everyArea: "All areas", everyType: "All types", everyState: "Any state", everySeverity: "Any severity", everyKind: "Any kind",
    label: { area: "Area", type: "Type", state: "State", order: "Order", severity: "Severity" },
    state: {
      alert: "In alarm", distrusted: "Not good or stale", unhealthy: "Health below 65", calibration: "Calibration due", untrained: "Not trained",
      retired: "Retired",
    },
    order: { tag: "By tag", area: "By area", health: "Worst first" },
    count: (shown, all) => (shown === all ? plural(all, "instrument", "instruments") : `${shown} of ${all}`),
  },
  card: { health: "Health", stale: (age) => `old: ${age}` },
  health: {
    excellent: "excellent", good: "good", fair: "fair", attention: "attention", poor: "poor", critical: "critical",
    "out of service": "out of service",
  },
  quality: { good: "good", uncertain: "uncertain", bad: "bad" },
  qualityWords: (level, reason) => (!level ? texts.time.never : level === "good" ? "good"
    : `${texts.quality[level] ?? level}: ${texts.reason[reason] ?? reason}`),
  reason: {
    ok: "ok", "saturated-low": "saturated low", "saturated-high": "saturated high", "between-bands-low": "below the signal band",
    "between-bands-high": "above the signal band", "rate-of-change": "changes too fast", "after-timeout": "after a timeout",
    settling: "settling", drifting: "drifting", ambiguous: "ambiguous signal", "failure-current-low": "failure current, low",
    "failure-current-high": "failure current, high", "wire-break": "wire break", "short-circuit": "short circuit",
    "module-fault": "module fault", "channel-not-configured": "channel not configured", "communication-failure": "module silent",
    "not-a-number": "not a number", "wrong-module": "wrong module", "waiting-for-first-value": "no reading yet", stuck: "stuck",
    "out-of-service": "out of service", "refused-by-module": "refused by the module",
  },
  type: { pressure: "Pressure", temperature: "Temperature", flow: "Flow", level: "Level" },
  criticality: { low: "Low", medium: "Medium", high: "High", critical: "Critical" },
  limit: { low_low: "Low-low", low: "Low", high: "High", high_high: "High-high" },

  severity: { critical: "Critical", warning: "Warning", advisory: "Advisory" },
  alertType: {
    rule_violation: "Limit", instrument_fault: "Instrument fault", drift: "Drift", anomaly: "Anomaly", data_gap: "Data gap",
    calibration_overdue: "Calibration overdue", system: "Gateway",
  },
  alertState: { raised: "Raised", acknowledged: "Acknowledged", resolved: "Resolved" },
  alarmState: {
    normal: "normal", unacknowledged: "not acknowledged", acknowledged: "acknowledged",
    "returned-unacknowledged": "returned, not acknowledged", "latched-unacknowledged": "latched, not acknowledged",
    "latched-acknowledged": "latched, waits for reset", shelved: "shelved", suppressed: "suppressed by maintenance",
    "out-of-service": "out of service",
  },
  alertMark: { chattering: "chattering", fleeting: "fleeting", stale: "over a day" },
  /** What an alert is about: `Limit, high-high`. */
  alertTitle: (alert) => {
    const type = texts.alertType[alert.alert_type] ?? alert.alert_type;
    const detail = texts.reason[alert.detail] ?? alert.detail;
    return detail && detail !== "overdue" ? `${type}, ${detail}` : type;
  },
  /** The same in as few words as a card has room for. */
  alertShort: (alert) => ({
    rule_violation: alert.detail, instrument_fault: texts.reason[alert.detail] ?? alert.detail, calibration_overdue: "calibration",
    drift: "drift", anomaly: "anomaly", data_gap: "data gap",
  })[alert.alert_type] ?? alert.detail ?? alert.alert_type,
  alert: {
    open: "Open", history: "History", none: "No alert is open.", noHistory: "No alert so far.",
    acknowledge: "Acknowledge", resolve: "Resolve", shelve: "Shelve", unshelve: "Unshelve", reset: "Reset latch",
    minutes: "For how many minutes", oneShot: "Only until it next returns to normal",
    ask: {
      acknowledge: (alert) => `Acknowledge ${alert.tag_number}`, resolve: (alert) => `Resolve ${alert.tag_number}`,
      shelve: (alert) => `Shelve ${alert.tag_number}`, unshelve: (alert) => `Unshelve ${alert.tag_number}`,
      reset: (alert) => `Reset the latch of ${alert.tag_number}`,
    },
    did: {
      acknowledge: (alert) => `${alert.tag_number} acknowledged`, resolve: (alert) => `${alert.tag_number} resolved`,
      shelve: (alert) => `${alert.tag_number} shelved`, unshelve: (alert) => `${alert.tag_number} is off the shelf`,
      reset: (alert) => `Latch of ${alert.tag_number} reset`,
    },
    since: (length) => `since ${length}`, lasted: (length) => `lasted ${length}`, gone: "condition gone",
    shelvedUntil: (time) => `shelved until ${time}`, times: (count) => `${count} times`, by: (who) => `acknowledged by ${who}`, byWhom: (who) => `by ${who}`,
    story: "History and details", raised: "Raised", resolved: "Resolved", value: "Value", id: "Alert",
  },

  tab: {
    title: (tag) => `Views of ${tag}`, trend: "Trend", status: "Status", alerts: "Alerts", models: "Models",
    calibration: "Calibration", register: "Edit",
  },
  trend: {
    loading: "Loading the trend …",
    empty: "No readings are stored for this time.",
    noChart: "The gateway has no Chart.js, so trends cannot be drawn. On the gateway: apt install libjs-chart.js, then restart loopgate.",
    range: { "1h": "1 h", "6h": "6 h", "24h": "24 h", "3d": "3 d", "7d": "7 d", custom: "Custom" },
    ranges: "Range of the trend", earlier: "Earlier", later: "Later", wholeRange: "Whole range", csv: "CSV",
    from: "From", to: "To", apply: "Show", badRange: "The end must be after the beginning.",
    nominal: "nominal", min: "Min", mean: "Mean", max: "Max", count: "Readings", uncertain: "Uncertain", bad: "Bad", level: "Drawn from",
    levels: { raw: "readings", minute: "minutes", hour: "hours", day: "days" },
    legend: [["mean", "mean"], ["band", "min to max"], ["uncertain", "uncertain"], ["bad", "bad"], ["gap", "no data"]],
    between: (low, high) => `${low} to ${high}`,
    noValue: (quality) => `no value (${quality})`,
    point: (time, value, quality) => `${time} · ${value} · ${quality}`,
    asTable: "As a table",
    heads: ["Time", "Min", "Mean", "Max", "Quality"],
    describe: (instrument, trend, unit) => `Trend of ${instrument.tag_number}, ${instrument.measured_variable}: between `
      + `${unit(trend.statistics.min)} and ${unit(trend.statistics.max)}, ${unit(trend.statistics.mean)} on average; `
      + `${plural(trend.alerts.length, "alert", "alerts")}, ${plural(trend.gaps.length, "gap", "gaps")}. `
      + "Arrow keys move through it.",
  },

  status: { health: "Health", noPenalties: "Nothing is taken off.", learned: "Learned", calibration: "Calibration" },
  detector: { rule: "Limits", signal: "Signal", cusum: "Drift", stuck: "Stuck sensor", iforest: "Anomaly" },
  detectorState: {
    ok: "Normal", "no-model": "Not trained", "no-chart": "Its baseline gives nothing to judge it by", waiting: "Waiting for its first window", drifting: "Drift", stuck: "Stuck",
    anomalous: "Unlike the baseline", "low-low": "Low-low", low: "Low", high: "High", "high-high": "High-high",
    good: "Good", uncertain: "Uncertain", bad: "Bad",
  },
  detectorKey: {
    up: "sum up", down: "sum down", milliamps: "mA", score_limit: "limit of the score", distance_limit: "limit of the distance",
    low_low: "low-low", high_high: "high-high", gap: "data gap", bad_readings: "bad readings", shadow: "in shadow: recorded, not alarmed",
  },
  maintenance: {
    start: "Maintenance", title: (tag) => `Maintenance at ${tag}`, minutes: "For how many minutes",
    words: "Its alarms are suppressed for this time; readings are kept and marked as usual.",
    started: (tag) => `Alarms of ${tag} are suppressed`, until: (time) => `Alarms are suppressed until ${time}.`,
    end: "End maintenance", ended: (tag) => `Maintenance at ${tag} has ended`,
  },
  outOfService: {
    take: "Out of service", title: (tag) => `Take ${tag} out of service`, is: "Out of service.",
    words: "Its alarms are put aside until somebody returns it. Say why.",
    taken: (tag) => `${tag} is out of service`, end: "Return to service", ended: (tag) => `${tag} is back in service`,
  },

  models: {
    baseline: "Baseline", versions: "Versions",
    how: "Mark a span in which the instrument and the process were well: drag over the trend, give both times below, or move "
      + "through the trend with the arrow keys and press Enter at its beginning and end.",
    forAdmins: "Marking a baseline and training are for administrators.",
    from: "Clean from", to: "Clean to", mark: "Mark as clean", marked: (tag) => `Baseline of ${tag} is marked`,
    latest: (from, to, by) => `Marked: ${from} to ${to}, by ${by}.`, noBaseline: "No baseline is marked.",
    train: "Train", trainTitle: (tag) => `Train ${tag}`,
    trainWords: "The detectors learn from the marked baseline. The new version takes over when it is done; older ones can be activated again.",
    allowBad: "Also learn from uncertain readings", allowAlerts: "Also learn from times with alerts",
    training: (tag) => `Training of ${tag} has begun`,
    version: "Version", named: (version) => `Version ${version}`, active: "active", activate: "Activate",
    activateTitle: (tag, version) => `Activate version ${version} of ${tag}`,
    activateWords: "The detectors judge by it from now on.",
    activating: (tag, version) => `${tag} takes version ${version}`,
    trained: "Trained", windows: "Windows", wantedRate: "Wanted rate", contamination: "Contamination", features: "Features", checksum: "Checksum",
    span: (from, to) => `${from} – ${to}`, instead: (value) => ` (active: ${value})`,
    untrained: "Not trained yet.",
  },
  calibration: {
    new: "New calibration", list: "Calibrations", none: "No calibration is recorded.", status: "State", due: "Next due",
    performedAt: "Performed at", result: "Result", choose: "Choose …", passed: "Passed", failed: "Failed", reference: "Reference",
    asFound: "As found", asLeft: "As left", notes: "Notes", add: "Record calibration",
    added: (tag) => `Calibration of ${tag} is recorded`,
    standing: (state, due) => (due ? `${state}; next due ${due}` : state),
    heads: ["Performed", "Result", "By", "Reference", "As found", "As left", "Notes"],
    withError: (value, percent) => `${value} (${percent} %)`,
  },
  calibrationState: {
    "not-wanted": "No calibration wanted", never: "Never calibrated", unknown: "Unknown: the clock is not set", valid: "Valid",
    "due-soon": "Due soon", overdue: "Overdue",
  },
  register: {
    title: "Instrument", new: "New instrument", add: "Add instrument", none: "No instrument is registered yet.",
    retired: "retired", retire: "Retire", restore: "Restore", nothing: "Nothing is changed",
    added: (tag) => `${tag} is added`, saved: (tag) => `${tag} is saved`, gone: (tag) => `${tag} is retired`, restored: (tag) => `${tag} is back`,
    retireTitle: (tag) => `Retire ${tag}`, retireWords: "It is no longer polled or judged. Its history stays, and it can be restored.",
    field: {
      tag_number: "Tag", instrument_type: "Type", measured_variable: "Measures", unit: "Unit", range_min: "Range from (4 mA)",
      range_max: "Range to (20 mA)", nominal_value: "Nominal value", module: "Module", channel: "Channel", process_unit: "Area",
      location: "Location", associated_equipment: "Equipment", criticality: "Criticality", accuracy_class: "Accuracy class",
      calibration_interval_days: "Calibration every (days)",
    },
    hint: { tag_number: "As in ISA-5.1: PT-101" },
  },

  bus: {
    up: "up", down: "down", central: "Central system and journal", counters: "Counters and last frames",
    losses: (count) => `link lost ${plural(count, "time", "times")}`, unit: (unit) => `unit ${unit}`,
    silentSince: (time) => `silent since ${time}`,
    brief: (requests, timeouts, milliseconds) => `${requests} requests · ${timeouts} timeouts · ${milliseconds} ms`,
    lastFrame: "Last frame", request: "Request", reply: "Reply",
  },
  moduleState: { answering: "answering", missing: "missing", silent: "silent", "wrong-module": "wrong module" },
  counter: {
    requests: "Requests", replies: "Replies", timeouts: "Timeouts", crc_errors: "CRC errors", garbled: "Garbled", exceptions: "Exceptions",
    late_replies: "Late replies", noise_bytes: "Noise bytes", overruns: "Overruns", response_ms: "Response, ms", link_losses: "Link losses",
    published: "Published", delivered: "Delivered", repeats: "Repeats", refused: "Refused", quarantined: "In quarantine", thinned: "Thinned",
  },
  uplink: { broker: "Broker", fault: "Why", since: "For", backlog: "Backlog", inFlight: "In flight" },
  journal: {
    title: "Journal", storing: "storing", failing: "failing", fault: "Why", size: "Size", log: "Log", readings: "Readings this run",
    pending: "Not stored yet", failures: "Failed commits", of: (size, quota) => `${size} of ${quota}`,
    kept: { raw: "Readings kept", minute: "Minutes kept", hour: "Hours kept", day: "Days kept" },
    forEver: "for ever", days: (count) => plural(count, "day", "days"),
  },
  relay: {
    words: "The relay fails safe: energised means that the gateway is alive and nothing is in alarm. An alarm, a hang, a crash or a lost supply opens it.",
    horn: "Horn", sounding: "sounding", silent: "silent", firstOut: "First out", output: "Output", testUntil: "Test until",
    silence: "Silence horn", silenced: "Horn is silenced", reset: "Reset latches", didReset: "Latches are reset",
    resetWords: "Resets every latched alarm whose condition has gone.",
    test: "Test relay", testing: "The test has begun", seconds: "For how many seconds",
    testWords: "The relay shows its safe state for this time: whatever hangs on it acts as in an alarm.",
  },
  relayState: { energised: "Energised: healthy", safe: "Safe state: alarm" },
  job: {
    heads: ["Kind", "Subject", "By", "Started", "State", "Result"], none: "No work so far.",
    kind: { train: "Training", export: "Export", activate: "Activation", calibration: "Calibration", baseline: "Baseline" },
    state: { running: "running", done: "done", failed: "failed" },
    progress: (job) => `${texts.job.kind[job.kind] ?? job.kind} ${job.subject ?? ""}: ${Math.round(job.progress * 100)} %`,
    done: (job) => `${texts.job.kind[job.kind] ?? job.kind} of ${job.subject ?? ""} is done`,
    failed: (job) => `${texts.job.kind[job.kind] ?? job.kind} of ${job.subject ?? ""} failed: ${job.message ?? ""}`,
    export: "Export readings", exportWords: "Many instruments or long times are written in the background; the file waits here.",
    tags: "Tags", tagsHint: "Separated by spaces; empty means all", startExport: "Start export", started: "The export has begun",
  },
  audit: {
    heads: ["No.", "When", "Who", "Action", "Subject", "Before", "After", "Hash"], who: "Who", action: "Action", none: "No entry.",
    verify: "Verify the chain",
    valid: (count, head) => `The chain is whole: ${plural(count, "entry", "entries")}, head ${String(head).slice(0, 16)}…`,
    broken: (first) => `The chain is broken at entry ${first}.`,
  },
  settings: {
    words: "What is in force. Secrets are masked. What has no field here is set in /etc/loopgate/loopgate.yaml.",
    changeable: "Can be changed here", saved: "Settings are saved",
  },
  simulator: {
    running: "Something is wrong in the simulated plant, or will be.", stopped: "The simulated plant is well, and stays so.", active: "Faults now",
    quiet: "No fault was begun by hand.", heads: ["Tag", "Fault"], tags: "Tags", tagsHint: "Separated by spaces; empty means all",
    fault: "Fault", none: "One after the other", start: "Begin faults", stop: "End all faults", notHere: "There is a simulated plant in the demo alone.",
  },
};
