"""The page of the votes in a real browser: by keyboard alone, as wide as a phone, bright and dark."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.classroom.test_votes import FIRST, QUESTIONS, Class, room  # noqa: F401 (a fixture)
from tests.test_browser import browser  # noqa: F401 (a fixture)

# The contrast of each text with what lies behind it, and of each bar (WCAG 2.2, relative luminance).
CONTRAST = """() => {
  const light = rgb => rgb.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const colour = (element, name) => getComputedStyle(element)[name].match(/[\\d.]+/g).map(Number);
  const behind = element => { const found = colour(element, 'backgroundColor');
    return found[3] === 0 && element.parentElement ? behind(element.parentElement) : found; };
  const ratio = (a, b) => { const [x, y] = [light(a.slice(0, 3)), light(b.slice(0, 3))].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05); };
  return [...document.querySelectorAll('h1, p, button:enabled, label, .bar, small, i, code, b')].map(element =>
    ratio(element.tagName === 'I' ? colour(element, 'backgroundColor') : colour(element, 'color'),
      behind(element.tagName === 'I' ? element.parentElement : element)));
}"""


def is_legible(page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert min(page.evaluate(CONTRAST)) >= 4.5, scheme
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than the screen"


def test_a_class_votes_by_keyboard_on_a_phone_and_on_the_wall(room: Class, browser: Browser) -> None:  # noqa: F811
    wall = browser.new_page(viewport={"width": 1920, "height": 1080})
    wall.goto(f"{room.address}#{room.key}")
    expect(wall.get_by_role("img", name=re.compile("QR code"))).to_be_visible()
    assert room.key not in wall.url, "the wall does not show the key"
    is_legible(wall)

    phone = browser.new_context(viewport={"width": 360, "height": 700}).new_page()
    phone.goto(room.address[:-7])
    expect(phone.get_by_role("textbox", name="Code of the class")).to_be_focused()
    phone.keyboard.type("WRONGX\n")
    expect(phone.get_by_role("status")).to_have_text("No class has this code.")
    phone.keyboard.type(room.address[-7:-1].lower() + "\n")
    expect(phone.get_by_role("heading")).to_have_text("Your class votes here")
    is_legible(phone)

    wall.keyboard.press("ArrowRight")
    expect(phone.get_by_role("heading")).to_have_text(QUESTIONS[FIRST].text)
    for key in ("Tab", "Space", "ArrowDown", "Tab", "Enter"):
        phone.keyboard.press(key)
    expect(phone.get_by_role("status")).to_have_text("Your vote is in.")
    expect(wall.get_by_role("status")).to_contain_text("1 joined · 1 votes")
    assert room.counts() == [[0, 1, 0, 0]]
    expect(wall.locator("small")).to_have_count(0)
    wall.keyboard.press("b")
    expect(wall.locator("small")).to_have_count(4)
    is_legible(wall)
    is_legible(phone)

    again = phone.context.new_page()  # who closes the page and comes back has the same seat, and the vote stands
    phone.close()
    phone = again
    phone.goto(room.address)
    expect(phone.get_by_role("status")).to_have_text("Your vote is in.")
    wall.keyboard.press("b")
    expect(wall.locator("small")).to_have_count(0)
    wall.keyboard.press("2")
    expect(phone.get_by_role("status")).to_have_text("Talk with your neighbour, then vote again.")
    for key in ("Tab", "Space", "ArrowDown", "ArrowDown", "Tab", "Enter"):
        phone.keyboard.press(key)
    expect(phone.get_by_role("status")).to_have_text("Your vote is in.")
    assert room.counts() == [[0, 1, 0, 0], [0, 0, 1, 0]]
    expect(wall.get_by_role("status")).to_contain_text("1 joined · 1 + 1 votes")
    expect(wall.locator("small")).to_have_count(0)
    wall.keyboard.press("r")
    expect(wall.locator("small")).to_have_count(8)
    expect(phone.get_by_role("status")).to_have_text(QUESTIONS[FIRST].because)
    expect(wall.locator(".right")).to_contain_text(QUESTIONS[FIRST].options[2])
    wall.set_viewport_size({"width": 360, "height": 700})
    is_legible(wall)
    is_legible(phone)
    for page in (wall, phone):
        page.close()
