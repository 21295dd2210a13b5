"""People at the review server, on loopback: serve.py GATEWRIGHT FOLDER SECONDS

1,000 people with a session each, 5 actions a second in all (look at the next answer, label it), 100,000 labels in the log before the first.
In the middle the server is killed with SIGKILL and started again. At the end every label whose answer was seen is in the log once.
Prints one JSON object.
"""

import collections
import http.client
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time
import urllib.parse

PEOPLE = 1_000
RATE = 5.0
DONE = 50_000
OPEN = 20_000
PASSWORD = "a long enough password"
OWN = "another, known to nobody else"

gatewright, folder, seconds = sys.argv[1], pathlib.Path(sys.argv[2]), float(sys.argv[3])


def own(*arguments):
    ran = subprocess.run([gatewright, *arguments], cwd=folder, capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(f"gatewright {' '.join(arguments)}: {ran.returncode}\n{ran.stderr}")
    return ran.stdout


def rows():
    with open(folder / "asked.jsonl", "w") as file:
        for number in range(DONE + OPEN):
            row = {
                "criterion": "tone", "example": f"e{number}", "answer_id": f"{number:016x}", "trial": 0,
                "label": None, "annotator": "",
                "fields": {"labels": ["kind", "plain", "cold"], "rubric": "tone-1", "input": "What is this charge? " * 12, "output": "It is your plan of this month. " * 16},
            }
            for person in ["first", "second"] if number < DONE else [None]:
                if person:
                    row.update(label="kind" if number % 9 else "cold" if person == "first" else "plain", annotator=person)
                file.write(json.dumps(row) + "\n")


class Server:
    def __init__(self):
        self.process, self.code = None, None

    def start(self, port):
        self.process = subprocess.Popen([gatewright, "serve", "--address", f"127.0.0.1:{port}"], cwd=folder, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if re.fullmatch(r"  [a-z2-9]+\n", line):
                self.code = line.strip()
            if match := re.match(r"http://127\.0\.0\.1:(\d+)/", line):
                return int(match[1])
        sys.exit("the server did not start")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Person:
    """A browser: one connection, one cookie."""

    def __init__(self, name, port):
        self.name, self.port, self.cookie, self.connection = name, port, "", None

    def ask(self, method, path, form=None):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            self.connection.kept = False
        headers = {"Cookie": self.cookie}
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            headers.update({"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{self.port}"})
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException):
            kept, self.connection = self.connection.kept, None
            # As browsers do: a kept connection may have been closed in the meantime, and looking again does no harm.
            if kept and method == "GET":
                return self.ask(method, path)
            raise
        self.connection.kept = True
        if cookie := answer.getheader("Set-Cookie"):
            self.cookie = cookie.split(";")[0]
        return answer.status, text

    def see(self, path):
        status, text = self.ask("GET", path)
        if status != 200:
            sys.exit(f"{self.name}: GET {path}: {status}\n{text[:400]}")
        return text

    def log_in(self):
        status, text = self.ask("POST", "/login", {"name": self.name, "password": PASSWORD})
        if status != 303:
            sys.exit(f"{self.name} cannot log in: {status}\n{text[:400]}")

    def choose_own_password(self):
        form = {"csrf": hidden(self.see("/password"), "csrf"), "password": PASSWORD, "new": OWN, "again": OWN}
        status, text = self.ask("POST", "/password", form)
        if status != 303:
            sys.exit(f"{self.name} cannot choose a password: {status}\n{text[:400]}")


def hidden(text, name):
    return re.search(rf'name="{name}" value="([^"]+)"', text)[1]


def main():
    rows()
    began = time.monotonic()
    own("review", "ask", "asked.jsonl", "--people", "1", "--quiet")
    filled = time.monotonic() - began
    server = Server()
    port = server.start(0)
    admin = Person("admin", port)
    status, text = admin.ask("POST", "/first", {"code": server.code, "name": "admin", "password": PASSWORD})
    if status != 303:
        sys.exit(f"no first account: {status}\n{text[:600]}")
    if not admin.cookie:
        admin.log_in()
    csrf = hidden(admin.see("/accounts"), "csrf")
    people = [Person(f"p{number}", port) for number in range(PEOPLE)]
    for person in people:
        status, text = admin.ask("POST", "/accounts", {"csrf": csrf, "action": "add", "name": person.name, "role": "reviewer", "password": PASSWORD})
        if status != 303:
            sys.exit(f"no account: {status}\n{text[:600]}")
        person.log_in()
        person.choose_own_password()
    drawn = random.Random(7)
    looked, labelled, acknowledged, killed, lost = [], [], [], False, 0
    start = time.monotonic()
    count = 0
    while (now := time.monotonic() - start) < seconds:
        if (wait := count / RATE - now) > 0:
            time.sleep(wait)
        count += 1
        person = drawn.choice(people)
        if not killed and now > seconds / 2:
            killed = True
            server.kill()
            server.start(port)
            for one in people:
                one.connection = None
        try:
            began = time.monotonic()
            page = person.see("/review")
            looked.append(time.monotonic() - began)
            item, choice = hidden(page, "item") if 'id="label"' in page else None, str(drawn.randint(1, 3))
            if item is None:
                sys.exit("nothing is left to label")
            form = re.search(r'<form method="post" action="/review/label".*?</form>', page, re.S)[0]
            item = hidden(form, "item")
            began = time.monotonic()
            status, text = person.ask("POST", "/review/label", {"csrf": hidden(form, "csrf"), "item": item, "choice": choice, "note": ""})
            labelled.append(time.monotonic() - began)
            if status == 303:
                acknowledged.append((item, person.name))
            else:
                sys.exit(f"a label was refused: {status}\n{text[:600]}")
        except (OSError, http.client.HTTPException):
            lost += 1
    server.process.send_signal(signal.SIGINT)
    server.process.wait()
    said = own("review", "export", "-o", "out.jsonl", "--json")
    given = collections.Counter()
    with open(folder / "out.jsonl") as file:
        for line in file:
            row = json.loads(line)
            if row["label"] is not None:
                given[(row["answer_id"], row["annotator"])] += 1
    ours = {key: times for key, times in given.items() if key[1].startswith("p")}
    at = lambda values, share: sorted(values)[int(share * (len(values) - 1))] * 1000
    print(json.dumps({
        "people": PEOPLE, "labels_before": 2 * DONE, "filled_s": round(filled, 1), "seconds": seconds, "actions": len(labelled),
        "look_p50_ms": at(looked, .5), "look_p95_ms": at(looked, .95), "look_max_ms": at(looked, 1),
        "label_p50_ms": at(labelled, .5), "label_p95_ms": at(labelled, .95), "label_max_ms": at(labelled, 1),
        "acknowledged": len(acknowledged), "in_the_log": sum(ours.values()), "doubled": sum(times > 1 for times in ours.values()),
        "requests_cut_by_the_kill": lost, "exported": json.loads(said)["labels"],
    }))


main()
