"""Pure: what the classes of the data map are called in the texts, and words a text may not use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from smartinvoicing.classified import Category, Retention, Use

SUBJECTS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "user": "You, as somebody who signs in",
        "owner": "The business, where it is a person",
        "buyer": "Customers of a business",
        "invitee": "People who were invited",
        "staff": "People who work for us",
        "recipient": "People whom we mail",
        "visitor": "Visitors",
        "requester": "People who ask or complain",
    },
    "ur": {
        "user": "آپ، جو سائن ان کرتے ہیں",
        "owner": "کاروبار، جہاں وہ ایک شخص ہو",
        "buyer": "کاروبار کے گاہک",
        "invitee": "جنہیں دعوت دی گئی",
        "staff": "ہمارا عملہ",
        "recipient": "جنہیں ہم ڈاک بھیجتے ہیں",
        "visitor": "ملاقاتی",
        "requester": "جو پوچھتے یا شکایت کرتے ہیں",
    },
}
CATEGORIES: Final[Mapping[str, Mapping[Category, str]]] = {
    "en": {
        Category.IDENTITY: "name or number of a person",
        Category.CONTACT: "ways to reach you",
        Category.GOVERNMENT_ID: "NTN and CNIC",
        Category.FINANCIAL: "amounts and taxes",
        Category.CREDENTIAL: "secrets, stored unreadable",
        Category.TECHNICAL: "technical marks",
        Category.CONTENT: "what somebody wrote",
    },
    "ur": {
        Category.IDENTITY: "نام یا شناختی نمبر",
        Category.CONTACT: "رابطے کے ذریعے",
        Category.GOVERNMENT_ID: "NTN اور CNIC",
        Category.FINANCIAL: "رقم اور ٹیکس",
        Category.CREDENTIAL: "خفیہ چیزیں، ناقابل خواندگی",
        Category.TECHNICAL: "تکنیکی نشان",
        Category.CONTENT: "لکھی ہوئی بات",
    },
}
USES: Final[Mapping[str, Mapping[Use, str]]] = {
    "en": {
        Use.ACCOUNT: "running the account",
        Use.INVOICING: "writing invoices",
        Use.REPORTING: "reporting to FBR",
        Use.TAX_RECORD: "tax records",
        Use.SECURITY: "safety",
        Use.OPERATION: "running the service",
        Use.MESSAGES: "messages",
        Use.SUPPORT: "support",
        Use.PROOF: "proof",
        Use.ACCOUNTABILITY: "answering for what we do",
        Use.IMPROVEMENT: "making it better",
        Use.REFERENCE: "lists",
    },
    "ur": {
        Use.ACCOUNT: "اکاؤنٹ چلانا",
        Use.INVOICING: "انوائس لکھنا",
        Use.REPORTING: "FBR کو رپورٹ",
        Use.TAX_RECORD: "ٹیکس ریکارڈ",
        Use.SECURITY: "حفاظت",
        Use.OPERATION: "سروس چلانا",
        Use.MESSAGES: "پیغام",
        Use.SUPPORT: "مدد",
        Use.PROOF: "ثبوت",
        Use.ACCOUNTABILITY: "جواب دہی",
        Use.IMPROVEMENT: "بہتری",
        Use.REFERENCE: "فہرستیں",
    },
}
BASES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "contract": "contract",
        "law": "law",
        "consent": "consent",
        "legitimate interest": "legitimate interest",
        "tenant's instruction": "instruction of the business",
        "none": "—",
    },
    "ur": {
        "contract": "معاہدہ",
        "law": "قانون",
        "consent": "اجازت",
        "legitimate interest": "جائز مفاد",
        "tenant's instruction": "کاروبار کی ہدایت",
        "none": "—",
    },
}
# In `{}`: the names of policy_facts.numbers.
RETENTIONS: Final[Mapping[str, Mapping[Retention, str]]] = {
    "en": {
        Retention.TAX: "{tax_years} years after the tax period",
        Retention.ACC: "while the account lives, then at most {promise_days} days",
        Retention.CRED: "until the account closes; destroyed the same day",
        Retention.SEC: "{security_months} months",
        Retention.LOG: "at most {log_days} days",
        Retention.TMP: "{tmp_days} days",
        Retention.SUP: "{support_months} months after it was settled",
        Retention.PRF: "{proof_years} years, without your name after the account",
        Retention.REG: "{register_years} years",
        Retention.STAFF: "{staff_years} years",
        Retention.ANALYTICS: "{analytics_months} months, or until consent ends",
        Retention.REFERENCE: "as long as the list is in use",
    },
    "ur": {
        Retention.TAX: "ٹیکس مدت کے بعد {tax_years} سال",
        Retention.ACC: "اکاؤنٹ کے ساتھ، پھر زیادہ سے زیادہ {promise_days} دن",
        Retention.CRED: "اکاؤنٹ بند ہونے تک؛ اسی دن ختم",
        Retention.SEC: "{security_months} مہینے",
        Retention.LOG: "زیادہ سے زیادہ {log_days} دن",
        Retention.TMP: "{tmp_days} دن",
        Retention.SUP: "حل ہونے کے {support_months} مہینے بعد تک",
        Retention.PRF: "{proof_years} سال، اکاؤنٹ کے بعد نام کے بغیر",
        Retention.REG: "{register_years} سال",
        Retention.STAFF: "{staff_years} سال",
        Retention.ANALYTICS: "{analytics_months} مہینے، یا اجازت ختم ہونے تک",
        Retention.REFERENCE: "جب تک فہرست استعمال میں ہے",
    },
}

# What no program can keep as it is written. Say what is done and when it was last proved instead.
ABSOLUTE: Final = re.compile(
    r"\b100\s*%|\bhundred per ?cent\b|\bguarant\w*|\babsolut\w*|\bwhatsoever\b"
    r"|\bunder any circumstances?\b|\bin any form\b|\bat all times\b|\b(?:completely|totally|fully|"
    r"perfectly|always) (?:safe|secure|private|protected|confidential)\b|\bunbreakable\b"
    r"|\bunhackable\b|\bno (?:data )?leak\w*|\bimpossible to\b|\bmilitary.grade\b"
    r"|\bbank.grade\b|\brisk.free\b"
    r"|سو فیصد|\u06f1\u06f0\u06f0|ضمانت|گارنٹی|مطلقا|ہرگز|مکمل (?:طور پر )?محفوظ|بالکل محفوظ",
    re.IGNORECASE,
)
