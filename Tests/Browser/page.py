"""Drives the page in a real Chromium, as a person would.

    page.py URL OUT walk CODE FROM TO     set-up, then every promise at phone and desktop size;
                                          readings from FROM to TO (UTC) are clean
    page.py URL OUT edit                  the register, at both sizes
    page.py URL OUT crowd PAGES PID       as many pages at once, on the gateway with that process id

Prints a line of JSON for each step: {"step", "ok", "detail"}. Pictures go to the folder OUT. Every wait is
for something that the page shows, with a deadline.
"""

import json
import re
import sys
import traceback

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

DEADLINE = 120_000
SIZES = {"phone": (360, 740), "desktop": (1440, 900)}
NUMBER = "4711"
PASSWORD = "seven copper boilers hum"
SCRIPT = "<img src=x onerror=window.stolen=1><script>window.stolen=1</script>"

expect.set_options(timeout=DEADLINE)


class Walk:
    """One person's way through the page at one size."""

    def __init__(self, browser, url, out, size, scheme):
        self.url, self.out, self.size = url, out, size
        width, height = SIZES[size]
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=size == "phone",
            reduced_motion="reduce", timezone_id="UTC",
        )
        self.context.set_default_timeout(DEADLINE)
        self.page = self.context.new_page()
        self.complaints = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self.listen)

    def listen(self, message):
        # A refused request is an error to the console, and none of the page's.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def step(self, name, action):
        name = f"{name}, {self.size}"
        try:
            detail = action() or ""
            report(name, True, detail)
        except Exception as error:
            report(name, False, "".join(traceback.format_exception_only(error))[:1500])
            self.picture(f"failed-{name}")

    def picture(self, name):
        self.page.screenshot(path=f"{self.out}/{name}-{self.size}.png".replace(" ", "-").replace(",", ""))

    def show(self, fragment, ready):
        self.page.goto(f"{self.url}#/{fragment}")
        self.page.locator(ready).first.wait_for()

    def fill(self, **fields):
        for name, value in fields.items():
            place = self.page.locator(f"[name='{name.replace('__', '.')}']:visible").last
            if place.evaluate("each => each.tagName") == "SELECT":
                place.select_option(value)
            else:
                place.fill(value)

    def press(self, words, within="body"):
        self.page.locator(within).get_by_role("button", name=words, exact=True).last.click()

    def told(self, words):
        expect(self.page.locator("#toasts")).to_contain_text(words)

    def is_clean(self):
        complaints, self.complaints = self.complaints, []
        assert not complaints, complaints
        assert self.page.evaluate("window.stolen") is None, "a stored script has run"
        over = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"the page is {over} px wider than the screen"

    # MARK: The promises

    def set_up(self, code):
        self.page.goto(self.url)
        self.page.locator("[name=code]").wait_for()
        self.picture("set-up")
        self.fill(code="0000-0000", employee_number=NUMBER, full_name="Ada " + SCRIPT, password=PASSWORD, repeated="other")
        self.press("Make administrator")
        expect(self.page.locator(".fault:not(:empty)").first).to_have_text("is not the same")
        self.fill(repeated=PASSWORD)
        self.press("Make administrator")
        expect(self.page.locator(".failure, .fault").filter(has_text="code").first).to_be_visible()
        self.fill(code=code)
        self.press("Make administrator")
        self.page.locator(".card").first.wait_for()

    def sign_in(self):
        self.page.goto(self.url)
        self.page.locator("[name=username]").wait_for()
        self.picture("sign-in")
        self.fill(username=NUMBER, password="wrong password here")
        self.press("Sign in")
        expect(self.page.locator(".failure")).not_to_be_empty()
        self.fill(password=PASSWORD)
        # A wrong password delays the next try: the page says for how long.
        for _ in range(30):
            self.press("Sign in")
            self.page.locator(".card, .failure:not(:empty)").first.wait_for()
            if self.page.locator(".card").count():
                return
        raise AssertionError("never signed in")

    def live(self):
        self.show("", ".card")
        expect(self.page.locator(".connection")).to_have_attribute("data-state", "live")
        before = self.page.locator(".refreshed").inner_text()
        expect(self.page.locator(".refreshed")).not_to_have_text(before)
        expect(self.page.locator(".card[data-tag='PT-101'] .value")).to_have_text("8.00")
        expect(self.page.locator(".card[data-tag='PT-101'] .age")).to_contain_text("ago")
        self.picture("plant")
        self.is_clean()

    def filters(self):
        cards = self.page.locator(".card")
        self.fill(search="pt-101")
        expect(cards).to_have_count(1)
        self.fill(search="no such thing")
        expect(cards).to_have_count(0)
        self.fill(search="")
        expect(cards).not_to_have_count(0)

    def trend(self):
        self.page.locator(".card[data-tag='PT-101']").click()
        expect(self.page.locator(".figures dd").first).to_contain_text("bar")
        self.press("7 d", ".trend")
        expect(self.page.locator("button[aria-pressed=true]")).to_have_text("7 d")
        canvas = self.page.locator(".plot canvas")
        expect(canvas).to_have_attribute("aria-label", re.compile("Trend of PT-101"))
        colours = canvas.evaluate("""canvas => {
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return new Set(new Uint32Array(data.buffer)).size;
        }""")
        assert colours > 10, f"{colours} colours on the canvas"
        canvas.focus()
        self.page.keyboard.press("End")
        readout = self.page.locator(".readout")
        # The newest stretches may hold no usable reading: go back to one that does.
        for _ in range(60):
            self.page.keyboard.press("ArrowLeft")
            if "bar" in readout.inner_text():
                break
        expect(readout).to_contain_text("bar")
        href = self.page.locator(".trend a.button").get_attribute("href")
        reply = self.page.request.get(self.url.rstrip("/") + href)
        assert reply.ok and reply.text().count("\n") > 10, f"CSV: {reply.status}"
        self.picture("trend")
        self.is_clean()

    def acknowledge(self):
        self.show("alerts", ".alert[data-state=raised]")
        row = self.page.locator(".alert[data-state=raised]").filter(has_text="PT-101").first
        name = row.get_attribute("data-alert")
        self.picture("alerts")
        row.get_by_role("button", name="Acknowledge").click()
        self.fill(note="seen by the browser " + SCRIPT)
        self.press("Acknowledge", "dialog")
        row = self.page.locator(f".alert[data-alert='{name}']")
        expect(row).to_have_attribute("data-state", "acknowledged")
        row.locator("summary").click()
        expect(row.locator(".story")).to_contain_text("seen by the browser <img")
        self.picture("alert-story")
        self.is_clean()

    def shelve(self):
        row = self.page.locator(".alert").filter(has_text="PT-101").first
        row.get_by_role("button", name="Shelve").click()
        self.fill(minutes="5", note="while it is exchanged")
        self.press("Shelve", "dialog")
        row.get_by_role("button", name="Unshelve").click()
        self.press("Unshelve", "dialog")
        expect(row.get_by_role("button", name="Shelve", exact=True)).to_be_visible()

    def edit(self):
        self.show("instrument/PT-101/register", "[name=range_max]")
        self.fill(range_max="-5")
        self.press("Save")
        expect(self.page.locator(".field", has=self.page.locator("[name=range_max], [name=range_min]")).locator(".fault:not(:empty)").first).to_be_visible()
        self.picture("edit-refused")
        self.fill(range_max="16", location=f"Level 2 {SCRIPT} {self.size}")
        self.press("Save")
        self.told("PT-101 is saved")
        self.page.locator(".trend").wait_for()
        expect(self.page.locator(".instrument .name")).to_contain_text("Level 2 <img")
        self.is_clean()

    def add(self):
        tag = f"PT-9{len(self.size)}"
        # Somebody else's page, which follows what is done here.
        other = self.context.new_page()
        other.goto(self.url)
        other.locator(".card").first.wait_for()
        self.page.bring_to_front()
        self.show("new-instrument", "[name=tag_number]")
        self.fill(tag_number="PT-101", instrument_type="pressure", measured_variable="Test " + SCRIPT, range_min="0", range_max="10",
                  unit="bar", channel="4")
        self.press("Add instrument", "main")
        expect(self.page.locator(".fault:not(:empty), .failure:not(:empty)").first).to_be_visible()
        self.fill(tag_number=tag)
        self.press("Add instrument", "main")
        self.told(f"{tag} is added")
        expect(self.page.locator(".instrument h1")).to_have_text(tag)
        expect(other.locator(f".card[data-tag='{tag}']")).to_have_count(1)
        self.show(f"instrument/{tag}/register", "[name=range_max]")
        self.press("Retire")
        self.press("Retire", "dialog")
        self.told(f"{tag} is retired")
        self.page.locator(".card").first.wait_for()
        for page in (self.page, other):
            expect(page.locator(f".card[data-tag='{tag}']")).to_have_count(0)
        other.close()

    def train(self, begin, end):
        self.show("instrument/PT-101/models", ".version, .versions > .words")
        before = self.page.locator(".version").count()
        self.fill(**{"from": begin, "to": end, "note": "after the overhaul"})
        self.press("Mark as clean")
        self.told("Baseline of PT-101 is marked")
        self.press("Train", ".models")
        self.press("Train", "dialog")
        expect(self.page.locator(".version")).to_have_count(before + 1)
        expect(self.page.locator(f".version[data-version='{before + 1}'] .chip")).to_have_text("active")
        self.picture("models")
        return f"version {before + 1}"

    def drag(self):
        self.show("instrument/PT-101/models", ".figures dd")
        box = self.page.locator(".plot canvas").bounding_box()
        self.page.locator(".plot canvas").scroll_into_view_if_needed()
        box = self.page.locator(".plot canvas").bounding_box()
        self.page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2, steps=5)
        self.page.mouse.up()
        begin, end = (self.page.locator(f"[name={name}]:visible").last.input_value() for name in ("from", "to"))
        assert begin and end and begin < end, f"{begin} to {end}"

    def roll_back(self):
        self.show("instrument/PT-101/models", ".version")
        self.page.locator(".version[data-version='1']").get_by_role("button", name="Activate").click()
        self.press("Activate", "dialog")
        expect(self.page.locator(".version[data-version='1'] .chip")).to_have_text("active")

    def calibrate(self):
        self.show("instrument/PT-101/calibration", "[name=passed]")
        self.fill(passed="true", as_found_value="8.02", reference_value="8", notes="five points")
        self.press("Record calibration")
        expect(self.page.locator("td").filter(has_text="five points").first).to_be_visible()

    def plant_side(self):
        self.show("buses", ".module")
        self.page.locator(".module summary").first.click()
        expect(self.page.locator(".module code").first).not_to_be_empty()
        self.picture("buses")
        self.show("relay", ".demand")
        self.press("Silence horn")
        self.told("Horn is silenced")
        self.picture("relay")
        self.is_clean()

    def service(self):
        """Maintenance and out of service, each begun and ended."""
        self.show("instrument/TT-102/status", ".panel")
        self.press("Maintenance")
        self.fill(minutes="5", note="probe cleaned")
        self.press("Maintenance", "dialog")
        self.told("Alarms of TT-102 are suppressed")
        self.press("End maintenance")
        self.told("Maintenance at TT-102 has ended")
        self.press("Out of service")
        self.fill(note="line is empty")
        self.press("Out of service", "dialog")
        self.told("TT-102 is out of service")
        self.press("Return to service")
        self.told("TT-102 is back in service")
        self.is_clean()

    def relay(self):
        self.show("relay", ".demand")
        self.press("Reset latches")
        self.press("Reset latches", "dialog")
        self.told("Latches are reset")
        self.press("Test relay")
        self.fill(seconds="1")
        self.press("Test relay", "dialog")
        # The box is in alarm: a test would show nothing.
        expect(self.page.locator("dialog .failure")).to_contain_text("the relay is safe already")
        self.press("Cancel", "dialog")
        expect(self.page.locator("dialog")).to_have_count(0)
        expect(self.page.locator(".diagnosis")).to_contain_text("PT-101: ")
        self.is_clean()

    def export(self):
        self.show("jobs", "[name=tags]")
        self.fill(tags="PT-101")
        self.press("Start export")
        file = self.page.locator("a[href^='/api/exports/']").first
        file.wait_for()
        reply = self.page.request.get(self.url.rstrip("/") + file.get_attribute("href"))
        assert reply.ok and ",PT-101," in reply.text(), f"CSV: {reply.status}"
        self.picture("jobs")
        self.is_clean()

    def settings(self):
        self.show("settings", "[name=log_level]")
        self.fill(log_level="warning")
        self.press("Save")
        self.told("Settings are saved")
        expect(self.page.locator("[name=log_level]")).to_have_value("warning")
        self.fill(log_level="info")
        self.press("Save")
        expect(self.page.locator("main")).not_to_contain_text("the-secret")
        self.is_clean()

    def people(self):
        number = f"5{len(self.size)}"
        self.show("users", "td")
        expect(self.page.locator("main")).to_contain_text("Ada <img")
        self.press("Add a person")
        self.fill(employee_number=number, full_name="Joseph Banda", password="short")
        self.press("Add a person", "dialog")
        expect(self.page.locator("dialog .fault:not(:empty), dialog .failure:not(:empty)").first).to_be_visible()
        self.fill(password="four plain random words")
        self.press("Add a person", "dialog")
        expect(self.page.locator("td").filter(has_text=number).first).to_be_visible()
        self.picture("people")

    def audit(self):
        self.show("audit", "td")
        self.press("Verify the chain")
        expect(self.page.locator("main .words")).to_contain_text("The chain is whole")
        expect(self.page.locator("table")).to_contain_text(NUMBER)
        self.picture("audit")
        self.is_clean()

    def lost(self):
        """Without an answer the page says so, and its values look old; then it recovers."""
        self.show("", ".card")
        expect(self.page.locator(".connection")).to_have_attribute("data-state", "live")
        self.context.set_offline(True)
        self.page.evaluate("dispatchEvent(new Event('online'))")
        expect(self.page.locator(".connection")).to_have_attribute("data-state", "lost")
        self.page.locator(".card[data-stale]").first.wait_for()
        self.picture("lost")
        self.context.set_offline(False)
        self.page.evaluate("dispatchEvent(new Event('online'))")
        expect(self.page.locator(".connection")).to_have_attribute("data-state", "live")

    def hostile(self):
        """Tags, units and words that are scripts stay words, even if a gateway were to send them."""
        def poison(route):
            reply = route.fetch()
            route.fulfill(response=reply, body=reply.text().replace('"PT-101"', json.dumps(SCRIPT)).replace('"bar"', json.dumps(SCRIPT)))

        for path in ("instruments?*", "instruments/live-readings", "alerts", "buses", "audit?*"):
            self.page.route(f"**/api/{path}", poison)
        self.page.route("**/api/events", lambda route: route.abort())
        try:
            self.page.goto(self.url)
            self.page.reload()
            expect(self.page.locator(".card .tag").filter(has_text="<script>").first).to_be_visible()
            for view, ready in (("alerts", ".alert, .empty"), ("buses", ".module"), ("audit", "td")):
                self.show(view, ready)
            self.show("", ".card")
            self.page.locator(".card").filter(has_text="<script>").first.click()
            self.page.locator(".instrument .tabs").wait_for()
        finally:
            self.page.unroute_all(behavior="ignoreErrors")
        self.is_clean()
        self.page.goto(self.url)
        self.page.reload()
        self.is_clean()

    def accessible(self):
        views = {
            "": ".card", "alerts": ".alert, .empty", "alerts/history": ".alert, .empty", "buses": ".module", "relay": ".demand",
            "instrument/PT-101/trend": ".figures dd", "instrument/PT-101/status": ".panel", "instrument/PT-101/alerts": ".alert, .empty",
            "instrument/PT-101/models": ".versions > *", "instrument/PT-101/calibration": "[name=passed]",
            "instrument/PT-101/register": "[name=range_max]", "new-instrument": "[name=range_max]", "users": "td", "audit": "td",
            "settings": ".panel", "jobs": "[name=tags]", "account": "[name=new_password]", "more": ".ways a",
        }
        faults = []
        for view, ready in views.items():
            self.show(view, ready)
            for violation in Axe().run(self.page).response["violations"]:
                place = violation["nodes"][0]
                faults.append(f"#/{view}: {violation['id']} at {place['target']}: {place['failureSummary']}")
        assert not faults, "\n".join(faults)
        self.is_clean()
        return f"{len(views)} views"

    def keyboard(self):
        """From the top of the page to a trend and back with keys alone."""
        self.show("", ".card")
        self.page.reload()
        self.page.locator(".card").first.wait_for()
        self.page.keyboard.press("Tab")
        assert self.page.evaluate("document.activeElement.className") == "skip"
        self.page.keyboard.press("Enter")
        assert self.page.evaluate("document.activeElement.id") == "main"
        for _ in range(200):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("document.activeElement.dataset.tag") == "PT-101":
                break
        self.page.keyboard.press("Enter")
        self.page.locator(".figures dd").first.wait_for()

    def sign_out(self):
        self.show("account" if self.size == "desktop" else "more", "h1")
        self.press("Sign out")
        self.page.locator("[name=username]").wait_for()
        self.page.reload()
        self.page.locator("[name=username]").wait_for()


def report(step, ok, detail=""):
    print(json.dumps({"step": step, "ok": ok, "detail": str(detail)}), flush=True)


def walk(browser, url, out, code, begin, end):
    for size, scheme in (("phone", "dark"), ("desktop", "light")):
        way = Walk(browser, url, out, size, scheme)
        if size == "phone":
            way.step("set up", lambda: way.set_up(code))
        else:
            way.step("sign in", way.sign_in)
        way.step("live", way.live)
        way.step("filters", way.filters)
        way.step("trend", way.trend)
        if size == "phone":
            way.step("shelve", lambda: (way.show("alerts", ".alert"), way.shelve())[-1])
            way.step("acknowledge", way.acknowledge)
        way.step("train", lambda: way.train(begin, end))
        way.step("mark by dragging", way.drag)
        if size == "desktop":
            way.step("roll back", way.roll_back)
        way.step("calibrate", way.calibrate)
        way.step("buses and relay", way.plant_side)
        if size == "desktop":
            way.step("maintenance and out of service", way.service)
            way.step("relay", way.relay)
            way.step("export", way.export)
            way.step("settings", way.settings)
        way.step("people", way.people)
        way.step("audit", way.audit)
        way.step("accessible", way.accessible)
        if size == "desktop":
            way.step("keyboard", way.keyboard)
            way.step("scripts in tag names", way.hostile)
        way.step("lost and found", way.lost)
        way.step("sign out", way.sign_out)
        way.context.close()


def edit(browser, url, out):
    for size, scheme in (("phone", "light"), ("desktop", "dark")):
        way = Walk(browser, url, out, size, scheme)
        way.step("sign in to edit", way.sign_in)
        way.step("edit", way.edit)
        way.step("add and retire", way.add)
        way.context.close()


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def crowd(browser, url, count, pid):
    """Many open pages, each with a connection of its own as on so many devices."""
    pages = []
    before = resident(pid)

    def enter():
        for _ in range(count):
            context = browser.new_context(viewport={"width": 360, "height": 740})
            context.set_default_timeout(DEADLINE)
            if pages:
                context.add_cookies(pages[0].context.cookies())
            page = context.new_page()
            page.goto(url)
            if not pages:
                page.locator("[name=username]").fill(NUMBER)
                page.locator("[name=password]").fill(PASSWORD)
                page.get_by_role("button", name="Sign in").click()
            page.locator(".card").first.wait_for()
            pages.append(page)

    def stay():
        for page in pages:
            expect(page.locator(".connection")).to_have_attribute("data-state", "live")
        seen = [page.locator(".refreshed").inner_text() for page in pages]
        for page, text in zip(pages, seen):
            expect(page.locator(".refreshed")).not_to_have_text(text)
            expect(page.locator(".connection")).to_have_attribute("data-state", "live")
        return f"resident set grew from {before} to {resident(pid)} kB with {len(pages)} pages"

    for name, action in (("pages open", enter), ("pages live", stay)):
        try:
            report(name, True, action() or f"{len(pages)} pages")
        except Exception as error:
            report(name, False, "".join(traceback.format_exception_only(error))[:1500])


def main():
    url, out, what, *rest = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        if what == "walk":
            walk(browser, url, out, *rest)
        elif what == "edit":
            edit(browser, url, out)
        else:
            crowd(browser, url, int(rest[0]), int(rest[1]))
        browser.close()


main()
