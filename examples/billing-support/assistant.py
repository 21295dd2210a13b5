#!/usr/bin/env python3
"""A small billing assistant, in four versions: the system under test of this example.

It is a program, not a list of canned answers: it works out what a customer wants, finds the
policy section, looks the account up, does the arithmetic, and then answers, asks, escalates or
refuses. Like a system built on a language model it is not quite steady: now and then a run
drops its citation or follows the second-best reading. That noise comes from the seed it is
given and from nothing else, so every run can be repeated.

    10  fallback    quotes the policy, never looks at an account
    11  production  looks accounts up; narrow ear for intent, asks and refuses too often
    12  candidate   understands far more, and checks for conflicts inside each handler
    13  the repair  12, with the conflict check back in the cancellation handler

One JSON object per line on stdin, one per line on stdout:

    {"id": "a1", "example": "refund-001", "trial": 0, "input": "...", "context": {"account": "A-1001"}, "seed": 7}
    {"id": "a1", "output": "...", "behaviour": "answer", "citations": ["refund-window"], ...}
"""

import argparse
import hashlib
import json
import math
import random
import re
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
REFUND_LIMIT = 50
PRICES = {"Starter": 12, "Team": 48, "Business": 180}
STOPWORDS = set("a an and are as at be by can do does for from has have how i if in is it its me my no not of "
                "on or our so that the there this to up was we what when which will with you your".split())


def words(text):
    return [w.rstrip("s") for w in re.findall(r"[a-z0-9]+", text.lower()) if w not in STOPWORDS]


class Policy:
    """The policy sections, searched with BM25; a section's id is its file name."""

    def __init__(self, folder):
        self.sections = {}
        for path in sorted(folder.glob("*.md")):
            lines = path.read_text(encoding="utf-8").splitlines()
            self.sections[path.stem] = [line for line in lines if line and not line.startswith("#")]
        self.bags = {name: Counter(words(name + " " + " ".join(text))) for name, text in self.sections.items()}
        self.mean_length = sum(sum(bag.values()) for bag in self.bags.values()) / len(self.bags)

    def score(self, query, name):
        bag, total = self.bags[name], 0.0
        length = 0.25 + 0.75 * sum(bag.values()) / self.mean_length
        for word in set(query):
            holders = sum(word in other for other in self.bags.values())
            if bag[word]:
                rarity = math.log(1 + (len(self.bags) - holders + 0.5) / (holders + 0.5))
                total += rarity * bag[word] * 2.2 / (bag[word] + 1.2 * length)
        return total

    def quote(self, name, query, count=1):
        """The sentences of a section that share most words with the query, in the order of the page."""
        wanted = set(words(query))
        lines = self.sections[name]
        best = sorted(range(len(lines)), key=lambda i: (-len(wanted & set(words(lines[i]))), i))[:count]
        return " ".join(lines[i] for i in sorted(best))


class Intent:
    """Something a customer may want: the section that rules it, and how people say it.

    `plain` is what version 11 listens for; 12 and later also know the `learned` wordings and look for the
    words of the `rule` when they quote.
    """

    def __init__(self, name, section, needs_account, plain, learned, rule=""):
        self.name, self.section, self.needs_account, self.rule = name, section, needs_account, rule
        self.plain, self.learned = re.compile(plain), re.compile(learned)

    def matches(self, text, version):
        hits = len(self.plain.findall(text))
        return hits if version < 12 else hits + len(self.learned.findall(text))


INTENTS = [
    Intent("refund", "refund-window", True,
           r"\brefund\b|money back|reimburse",
           r"(give|send|put|get|have|want) (\w+ ){1,4}back\b|reverse (the|that|this)|refunded|return (the|my|that)"
           r"|by (mistake|accident)|didn'?t mean to"),
    Intent("refund-timing", "refund-window", False,
           r"how long .*refund|when .*refund .*arrive",
           r"(refund|money) .*(arrive|land|show up|on its way)|(still )?waiting (for|on) (the|my) refund|how (long|many days) until",
           "arrives within business days"),
    Intent("refund-rules", "refund-window", False,
           r"refund (policy|rules?)",
           r"refund (window|period|deadline)|how (long|many days) .*(to ask|to claim|to request|back)|too late"
           r"|(60|30|14)[- ]days?.*refund|still (be )?(refundable|get one)",
           "monthly annual charge can be refunded within days window"),
    Intent("duplicate", "refund-window", True,
           r"(charged|billed)( me| us)? twice|double[- ]charged?|identical charges",
           r"two (charges|payments|times)|duplicate|same (amount|charge)|twice|both .*(INV|inv)"),
    Intent("chargeback-rules", "chargeback", False,
           r"chargebacks? (take|fee|cost|polic)",
           r"(fee|cost) .*chargeback|chargeback .*(how long|settle|fee)|how long .*chargeback|(my|the) bank .*(settle|decide)",
           "settles charge no fee"),
    Intent("invoice-copy", "invoices", False,
           r"copy of (my|the|an|our|last) .*invoice|download .*invoice|find .*invoice|resend .*invoice|receipts?\b",
           r"\bpdf\b|(where|get|see|need|email|resend|send) .*(invoices?|statement)s?\b",
           "issued downloaded PDF"),
    Intent("invoice-amount", "invoices", True,
           r"last invoice|how much .*(was|were) (i|we) (charged|billed)|what is this charge|why (was|did|is) .*(invoice|charge|pay|bill)",
           r"(charge|line|amount|invoice|bill) .*(from|for|on) .*(statement|bank|card)|what('?s| is| was) (this|that|the) .*(charge|invoice|amount|inv-)"
           r"|why .*(charged|bill|pay|cost|invoice|amount)|which (period|plan) .*(invoice|inv)|(more|higher) than"),
    Intent("invoice-dispute", "invoices", False,
           r"\bdispute\b",
           r"contest|object to|don'?t agree with|(challenge|question) (a|the|this|an) (line|invoice)|incorrect line",
           "line disputed"),
    Intent("vat", "invoices", False,
           r"\bvat\b|\btax\b|billing address",
           r"billing address|company (name|details)|tax (id|number)|moved offices|purchase order",
           "VAT number address tax line"),
    Intent("upgrade", "proration", True,
           r"\bupgrad(e|ing)\b|switch to (team|business)|move .*up to",
           r"(move|switch|go|jump|bump|step)( \w+){0,3} up\b|(move|switch|go|jump|bump|change)( \w+){0,4} to (the )?(team|business)|bigger plan"),
    Intent("downgrade", "proration", True,
           r"\bdowngrad(e|ing)\b|cheaper plan",
           r"smaller plan|(a|the) smaller|(go|move|drop|switch|step|back)( \w+){0,3} (down|back)( to)?\b|(to|onto) (the )?starter"),
    Intent("price", "plan-change", False,
           r"how much (is|does|are) (the|a|your)|\bprices?\b|what does .* cost",
           r"how much (is|does|are|do)|\bcosts?\b|pricing|rates\b|per month"),
    Intent("annual", "plan-change", False,
           r"annual billing|yearly billing|switch .*(annual|yearly)|pay (once a year|yearly)",
           r"(pay|paying|billed|bill us|billing) .*(annual|year)|(once a|by the|for the whole) year|to annual|to monthly|back to monthly",
           "switching monthly annual billing renewal"),
    Intent("retry", "payment-retry", True,
           r"\bretry\b|try (the card |it )?again|(payment|charge|card) (was |has |is )?(failed|declined|rejected|failing)|next attempt|as failed",
           r"(payment|card|charge|it) .*(declined|bounced|failed|rejected|not go through|didn'?t go through)|next attempt|retr(y|ies|ied)"),
    Intent("card-update", "payment-retry", False,
           r"(update|change|replace) .*card|new card|card expire[sd]?",
           r"(replace|swap|switch|different|another|expired) .*card|card .*expire[sd]?|payment method",
           "updating card Settings"),
    Intent("suspended", "payment-retry", True,
           r"\bsuspended\b|locked out",
           r"locked|(can'?t|cannot) (log|get|sign) in|cut (me |us )?off|lost access|shut off|get (back in|access)|back online|restored?"),
    Intent("late-fee", "payment-retry", False,
           r"late fee|penalty|extra (charge|cost|fee)",
           r"additional (charge|fee|cost)|interest|fine\b|surcharge",
           "no late fee failed"),
    Intent("cancel", "cancellation-notice", True,
           r"\bcancel\b|cancellation",
           r"cancell(ed|ing)|close (my|the|our|this)|(stop|end|terminate|quit|drop) (my|the|our|this)|unsubscribe|not (to )?renew"
           r"|(leave|leaving)\b|shut down (my|our)|done with"),
    Intent("notice", "cancellation-notice", False,
           r"\bnotice\b",
           r"how (early|far ahead|far in advance|late)|before (the|it|my|our) renew",
           "annual plan notice renewal date"),
    Intent("data", "cancellation-notice", False,
           r"\bdata\b",
           r"(files|projects|documents|boards) .*(after|when|gone|kept|lose|deleted)|what happens to",
           "data kept after plan ends"),
    Intent("reactivate", "cancellation-notice", False,
           r"reactivat(e|ed|ing)",
           r"come back|change(d)? my mind|un-?cancel|pick (it|things) (back )?up|start (it )?(up )?again|return(ing)? later",
           "data kept reactivated within 60 days"),
]
BY_NAME = {intent.name: intent for intent in INTENTS}

# What policy forbids, whoever asks: (section, words of the rule, how people ask for it).
FORBIDDEN = [
    ("refund-limit", "larger refund split smaller ones", r"split (it|the|that|this|my)|in (two|three|several|smaller) (parts|refunds|pieces)|smaller refunds|two refunds"),
    ("cancellation-notice", "never backdated", r"back-?dat|(as if|pretend|say|record|make it look like) .*(cancel|notice|earlier|last (month|week))"),
    ("plan-change", "discounts price matches offered chat", r"discount|price match|match (that|their|the) price|cheaper (deal|rate|price) (if|or|for)|coupon|knock .*off"),
    ("payment-retry", "card numbers never taken chat", r"(?:\d{4}[ -]){2,3}\d{2,4}|(type|give|read|send|take) .*(card (number|details)|cvc|cvv)"),
    ("invoices", "VAT number billing address future invoices issued changed", r"(change|edit|alter|rewrite|reissue|redo|put .* on) .*(old|issued|september|august|july|last (month|year|quarter)).*invoice"
                 r"|(change|edit|alter|rewrite|reissue|redo) .*invoices? .*(issued|already|date|earlier|last)"),
]
OTHER_CUSTOMER = re.compile(r"(another|other|different) (customer|company|client|person)('s)?\b|(competitor|neighbou?r|ex-?(wife|husband|boss|partner)|landlord)"
                            r"|(does|do|is|are) \w+ (\w+ )?(have an account|a customer|one of your customers)")
THIRD_PERSON = re.compile(r"\b(accountant|colleague|bookkeeper|manager|husband|wife)\b")
FIRST_PERSON = re.compile(r"\b(i|i'm|i've|i'd|me|my|mine|we|we're|we've|us|our)\b")


class Reply:
    """What goes back to the caller."""

    def __init__(self, behaviour, text, *citations, looked_up=None):
        self.behaviour, self.text, self.citations = behaviour, text, list(citations)
        self.calls = [{"name": "lookup_account", "arguments": {"account": looked_up}}] if looked_up else []


def money(amount):
    return f"{amount:.2f} USD"


class Assistant:
    def __init__(self, version):
        self.version = version
        self.policy = Policy(HERE / "policy")
        book = json.loads((HERE / "accounts.json").read_text(encoding="utf-8"))
        self.today = date.fromisoformat(book["as_of"])
        self.accounts = {account["id"]: account for account in book["accounts"]}

    # ---- one question -------------------------------------------------------------------------

    def reply(self, text, context, dice):
        question = text.lower().replace("\u2019", "'")
        if self.version == 10:
            return self.quote_the_faq(question, dice)
        named = re.findall(r"\bA-\d{4}\b", text)
        own = context.get("account") or (named[0] if named else None)
        if OTHER_CUSTOMER.search(question) or any(number != own for number in named):
            return self.refuse("privacy", "another customer account", "I can only talk about your own account.")
        if self.version == 11 and THIRD_PERSON.search(question):
            return self.refuse("privacy", "account person who writes", "I can only talk to the account holder.")
        for section, rule, pattern in FORBIDDEN:
            if re.search(pattern, question) and (self.version >= 12 or section != "invoices"):
                return self.refuse(section, rule, "I'm not able to do that.")

        account = self.accounts.get(own)
        intent = self.detect(question, account, dice)
        if intent is None:
            return self.lost()
        personal = intent.needs_account and (self.version == 11 or account is not None or bool(FIRST_PERSON.search(question)))
        if account is None and (personal or self.version == 11 and intent.section in ("refund-window", "cancellation-notice")):
            return Reply("ask", "Which account is this about? Please send me the account number (A- and four digits).", "escalation")
        if not personal:
            return self.explain(intent, question)
        if self.version == 11:  # later versions check inside the handlers
            conflict = self.conflict(account, intent)
            if conflict:
                return self.hand_over(account, conflict)
        return HANDLERS[intent.name](self, intent, question, account)

    def detect(self, question, account, dice):
        """The likeliest intent: wordings heard, then how well its section fits; readings wobble a little."""
        query = words(question)
        fit = {name: self.policy.score(query, name) for name in self.policy.sections}
        best_fit = max(fit.values()) or 1.0
        scores = []
        for intent in INTENTS:
            heard = intent.matches(question, self.version)
            if heard or (self.version >= 12 and fit[intent.section] > 4.0):
                score = min(heard, 3) + 0.9 * fit[intent.section] / best_fit
                if self.version >= 12 and account and intent.needs_account:
                    score *= 1.3  # a known account makes the personal reading likelier
                scores.append((score * (1 + dice.gauss(0, 0.05)), intent))
        scores.sort(key=lambda pair: -pair[0])
        names = [intent.name for _, intent in scores if intent.matches(question, self.version)]
        if self.version >= 12 and "cancel" in names and ("refund" in names or "duplicate" in names):
            return BY_NAME["cancel"]  # the cancellation handler answers for the refund as well
        if len(scores) > 1 and dice.random() < 0.025:
            return scores[1][1]
        return scores[0][1] if scores else None

    # ---- ways to answer -----------------------------------------------------------------------

    def quote_the_faq(self, question, dice):
        """Version 10: the nearest section, word for word, and a specialist for anything about money going back."""
        if re.search(r"refund|money back|chargeback|twice", question):
            return Reply("escalate", "A billing specialist will look at this and answer within one business day.", "escalation")
        query = words(question)
        ranked = sorted(self.policy.sections, key=lambda name: -self.policy.score(query, name) * (1 + dice.gauss(0, 0.03)))
        if self.policy.score(query, ranked[0]) < 2.0:
            return Reply("ask", "Could you tell me more, and send me the account number?", "escalation")
        return Reply("answer", "Our policy says: " + self.policy.quote(ranked[0], question, 1), ranked[0])

    def lost(self):
        if self.version == 11:
            return Reply("ask", "I'm not sure I follow. Could you say it in other words?", "escalation")
        return Reply("escalate", "Our policy does not cover this, so I'm passing it to a billing specialist, "
                                 "who answers within one business day.", "escalation")

    def explain(self, intent, question):
        if self.version == 11:
            return Reply("answer", self.policy.quote(intent.section, question), intent.section)
        return Reply("answer", self.policy.quote(intent.section, f"{question} {intent.rule}", 2), intent.section)

    def refuse(self, section, rule, opening):
        return Reply("refuse", f"{opening} {self.policy.quote(section, rule)}", section)

    def hand_over(self, account, reason):
        section, fact = reason
        return Reply("escalate", f"{fact} I can't decide this here: a billing specialist takes it from here and answers "
                                 "within one business day.", section, "escalation", looked_up=account["id"])

    def answer(self, account, text, *sections):
        return Reply("answer", text, *sections, looked_up=account["id"])

    def conflict(self, account, intent):
        """What in the account record disagrees with policy, for this intent: (section, the fact) or None."""
        leaving = intent.name in ("cancel", "notice", "refund", "duplicate")
        if account.get("chargeback") == "open" and intent.section != "invoices":
            return "chargeback", "There is an open chargeback on your account."
        if account.get("cancel_requested") and leaving and account["last_charge"]["date"] > account["cancel_requested"]:
            return "escalation", (f"Your account shows a cancellation request of {account['cancel_requested']} and a charge "
                                  f"of {account['last_charge']['date']} after it.")
        topics = {"cancellation": leaving, "refund": leaving, "price": intent.name in ("invoice-amount", "price", "refund")}
        agreement = account.get("agreement")
        if agreement and topics[agreement["topic"]]:
            return "escalation", f"A note by {agreement['by']} on your account says: {agreement['text']}. Our policy says otherwise."
        if account.get("bank_confirms") and intent.section == "payment-retry":
            return "escalation", (f"Your bank confirmed the payment on {account['bank_confirms']}, and our record still shows "
                                  f"{account['unpaid']['invoice']} as failed.")
        return None

    # ---- handlers: one for each thing that depends on the account -----------------------------

    def refund(self, intent, question, account):
        conflict = self.conflict(account, intent)
        if conflict:
            return self.hand_over(account, conflict)
        return self.refund_decision(intent, question, account)

    def refund_decision(self, intent, question, account):
        charge, twice = account["last_charge"], account.get("duplicate")
        if twice and (intent.name == "duplicate" or self.version >= 12):
            charge, rule = twice, self.policy.quote("refund-window", "charge taken twice same period")
        elif intent.name == "duplicate" and self.version >= 12:
            return self.answer(account, f"I see one charge only: {money(charge['amount'])} on {charge['date']} ({charge['invoice']}).", "refund-window")
        else:
            window = 30 if account["billing"] == "monthly" else 14
            age = (self.today - date.fromisoformat(charge["date"])).days
            rule = self.policy.quote("refund-window", "monthly charge can be refunded within")
            if age > window:
                return self.answer(account, f"{rule} Your charge of {charge['date']} is {age} days old, so it is not refundable.", "refund-window")
        if charge["amount"] > REFUND_LIMIT:
            limit = self.policy.quote("refund-limit", "above decided by a billing specialist")
            return self.hand_over(account, ("refund-limit", f"Your charge of {charge['date']} is above what I may decide. {limit}"))
        return self.answer(account, f"{rule} The {money(charge['amount'])} of {charge['date']} ({charge['invoice']}) will be "
                                    "refunded within 5 to 7 business days.", "refund-window")

    def invoice_amount(self, intent, question, account):
        conflict = self.conflict(account, intent)
        if conflict:
            return self.hand_over(account, conflict)
        charge = account["last_charge"]
        rule = self.policy.quote("invoices", question)
        return self.answer(account, f"{charge['invoice']} of {charge['date']} is {money(charge['amount'])} for the {account['plan']} plan, "
                                    f"billed {account['billing']}. {rule}", "invoices")

    def upgrade(self, intent, question, account):
        conflict = self.conflict(account, intent)
        if conflict:
            return self.hand_over(account, conflict)
        if account.get("unpaid"):
            rule = self.policy.quote("plan-change", "account unpaid invoice cannot change plan")
            return self.answer(account, f"{rule} {account['unpaid']['invoice']} over {money(account['unpaid']['amount'])} is open.", "plan-change")
        plans = list(PRICES)
        at = plans.index(account["plan"])
        named = [plan for plan in plans if plan.lower() in question and plans.index(plan) > at]
        target = named[-1] if named else plans[min(at + 1, len(plans) - 1)]
        if target == account["plan"]:
            return self.answer(account, f"You are already on {target}, our largest plan.", "plan-change")
        rule = self.policy.quote("proration", "upgrade middle period costs difference days left")
        if account["billing"] == "annual":
            return self.answer(account, f"{rule} An upgrade to {target} takes effect immediately.", "proration")
        days = (date.fromisoformat(account["renews"]) - self.today).days
        cost = (PRICES[target] - PRICES[account["plan"]]) / 30 * days
        return self.answer(account, f"{rule} For {days} days of {target} that is {money(cost)} today.", "proration")

    def downgrade(self, intent, question, account):
        conflict = self.conflict(account, intent)
        if conflict:
            return self.hand_over(account, conflict)
        if account.get("unpaid") and self.version >= 12:
            return self.upgrade(intent, question, account)
        rule = self.policy.quote("proration", "after downgrade difference current period not paid back")
        return self.answer(account, f"A downgrade takes effect at the next renewal, for you on {account['renews']}. {rule}", "proration", "plan-change")

    def failed_payment(self, intent, question, account):
        conflict = self.conflict(account, intent)
        if conflict:
            return self.hand_over(account, conflict)
        if account["status"] == "suspended":
            rule = self.policy.quote("payment-retry", "suspended account restored within one hour successful payment")
            return self.answer(account, f"All retries failed and {account['unpaid']['invoice']} over {money(account['unpaid']['amount'])} is open. {rule}",
                               "payment-retry")
        if account["status"] != "past_due":
            return self.answer(account, f"I see no failed payment: {account['last_charge']['invoice']} was paid on {account['last_charge']['date']}.",
                               "payment-retry")
        first = date.fromisoformat(account["first_failure"])
        upcoming = [first + timedelta(days=n) for n in (1, 3, 7) if first + timedelta(days=n) > self.today]
        rule = self.policy.quote("payment-retry", "failed payment is retried days after first failure")
        return self.answer(account, f"{rule} The next attempt for {money(account['unpaid']['amount'])} is on {upcoming[0]}.", "payment-retry")

    def cancel(self, intent, question, account):
        # Until 11 one conflict check stood in front of every handler. 12 moved it into the handlers, so that
        # questions of fact are no longer escalated; this handler was rewritten that week and did not get it.
        if self.version >= 13:
            conflict = self.conflict(account, intent)
            if conflict:
                return self.hand_over(account, conflict)
        renews = date.fromisoformat(account["renews"])
        if account["status"] == "ended":
            text = f"Your plan already ended on {account['ended']}."
        elif account["billing"] == "monthly":
            text = self.policy.quote("cancellation-notice", "monthly plan cancelled any time") + f" Yours ends on {renews} and is not charged again."
        elif (renews - self.today).days >= 30:
            last = renews - timedelta(days=30)
            text = self.policy.quote("cancellation-notice", "annual plan needs notice") + f" Yours renews on {renews}, so notice until {last} is in time."
        else:
            text = self.policy.quote("cancellation-notice", "annual plan needs notice") + f" Yours renews on {renews}, so it is too late for this year."
        if self.version >= 12 and BY_NAME["refund"].matches(question, self.version):
            money_back = self.refund_decision(BY_NAME["refund"], question, account)
            if money_back.behaviour == "answer":
                return self.answer(account, f"{text} {money_back.text}", "cancellation-notice", "refund-window")
            return self.answer(account, f"{text} Cancelling does not by itself refund a past charge.", "cancellation-notice")
        return self.answer(account, text, "cancellation-notice")


HANDLERS = {
    "refund": Assistant.refund, "duplicate": Assistant.refund, "invoice-amount": Assistant.invoice_amount,
    "upgrade": Assistant.upgrade, "downgrade": Assistant.downgrade, "retry": Assistant.failed_payment,
    "suspended": Assistant.failed_payment, "cancel": Assistant.cancel,
}


def spoken(value):
    """The customer's words: a text, or the user turns of a conversation."""
    if isinstance(value, str):
        return value
    return "\n".join(turn["content"] for turn in value if turn.get("role") == "user")


def respond(assistant, request):
    key = f"{assistant.version}/{request.get('example')}/{request.get('trial', 0)}/{request.get('seed', 0)}"
    dice = random.Random(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big"))
    text = spoken(request["input"])
    reply = assistant.reply(text, request.get("context") or {}, dice)
    if dice.random() < 0.02:  # a run that forgets its sources
        reply.citations = []
    read = sum(len(" ".join(assistant.policy.sections[name]).split()) for name in reply.citations)
    return {
        "id": request["id"], "output": reply.text, "behaviour": reply.behaviour, "citations": reply.citations,
        "tool_calls": reply.calls, "usage": {"input_tokens": len(text.split()) + read, "output_tokens": len(reply.text.split())},
    }


def main():
    parser = argparse.ArgumentParser(description="Billing assistant: JSON lines in, JSON lines out.")
    parser.add_argument("--version", type=int, choices=(10, 11, 12, 13), default=12)
    assistant = Assistant(parser.parse_args().version)
    for line in sys.stdin:
        if not line.strip():
            continue
        request = {}
        try:
            request = json.loads(line)
            answer = respond(assistant, request)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            name = request.get("id") if isinstance(request, dict) else None
            answer = {"id": name, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
