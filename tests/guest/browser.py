# SPDX-License-Identifier: MIT
"""A browser without a screen, for the tests of the pages: Chromium, steered through its WebDriver."""

import contextlib

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from machine import PATIENCE

# It finds no GPU here, no user and no network, and asks for none.
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--force-prefers-reduced-motion")


class Browser:
    """One page at a time."""

    def __init__(self, driver):
        self._driver = driver

    def open(self, path):
        self._driver.get(f"file://{path}")

    def resize(self, width, height=900, scheme="light"):
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme},
                         {"name": "prefers-reduced-motion", "value": "reduce"}]})
        self.script("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def complaints(self):
        """What the page has written on its console: errors and warnings, and what the browser itself found wrong."""
        return [entry["message"] for entry in self._driver.get_log("browser")]

    def script(self, text, *arguments):
        return self._driver.execute_script(text, *arguments)

    def text(self, selector):
        return self.script("return document.querySelector(arguments[0]).textContent", selector)

    def texts(self, selector):
        return self.script("return Array.from(document.querySelectorAll(arguments[0]), (e) => e.textContent)", selector)

    def choose(self, name, value):
        """A radio button, as a person does: by its label."""
        self._driver.find_element(By.XPATH, f"//label[input[@name='{name}' and @value='{value}']]").click()

    def click(self, words):
        """The button with these words on it."""
        self._driver.find_element(By.XPATH, f"//button[text()='{words}']").click()

    def type(self, selector, *keys):
        self._driver.find_element(By.CSS_SELECTOR, selector).send_keys(*keys)

    def type_address(self, text):
        self.type("#address", Keys.CONTROL, "a", Keys.NULL, text, Keys.ENTER)

    def wait(self, condition):
        """Until `condition`, a script's expression, is true."""
        WebDriverWait(self._driver, PATIENCE).until(lambda _: self.script(f"return {condition}"))


@contextlib.contextmanager
def browser():
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    try:
        driver.set_page_load_timeout(PATIENCE)
        yield Browser(driver)
    finally:
        driver.quit()
