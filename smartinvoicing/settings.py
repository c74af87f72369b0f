"""The one settings module. Defaults are production's; every knob is read here, nowhere else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import NONE, SELF

from smartinvoicing import env
from smartinvoicing.pg import roles

BASE_DIR: Final = env.BASE_DIR


def database(url: str) -> dict[str, Any]:
    """Django's description of a database, from its address."""
    parts = urlsplit(url)
    return {
        "ENGINE": "smartinvoicing.pg",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": parts.port or "",
        "OPTIONS": dict(parse_qsl(parts.query)),
        "ATOMIC_REQUESTS": True,
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
    }


# --- who we are -------------------------------------------------------------------------------

ENVIRONMENT = env.choice(
    "ENVIRONMENT", "production", frozenset({"development", "test", "production"})
)
PRODUCTION = ENVIRONMENT == "production"
DEBUG = False
SECRET_KEY = env.secret("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
FIELD_KEYS = [env.key("FIELD_KEY")]
# What tells this installation from a copy of it. Outside production it follows from the key.
INSTANCE_ID = env.secret(
    "INSTANCE_ID",
    "" if PRODUCTION else hashlib.sha256(b"instance " + SECRET_KEY.encode()).hexdigest(),
)
PORT = env.integer("PORT", 8000)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "" if PRODUCTION else "127.0.0.1,localhost,[::1]")
PUBLIC_URL = env.text("PUBLIC_URL", f"http://127.0.0.1:{PORT}")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PRODUCTION else []

ROOT_URLCONF = "smartinvoicing.urls"
WSGI_APPLICATION = "smartinvoicing.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "smartinvoicing",
    "accounts",
    "invoices",
    "fbr",
    "privacy",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "axes",
    "csp",
    "django_htmx",
    "drf_spectacular",
    "rest_framework",
]

MIDDLEWARE = [
    "smartinvoicing.middleware.RequestId",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "smartinvoicing.middleware.SecurityHeaders",
    "smartinvoicing.middleware.RestoreGate",
    "privacy.middleware.Consents",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "accounts.access_log.AccessLogMiddleware",
    "accounts.staff_access.StaffSessions",
    "accounts.middleware.TenantMiddleware",
    "accounts.policy_gate.PolicyGate",
    "smartinvoicing.middleware.AppErrors",
    "axes.middleware.AxesMiddleware",
    "accounts.staff_access.StaffAccess",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context.page",
                "fbr.context.page",
                "privacy.context.page",
            ],
            "builtins": ["django.templatetags.i18n", "django.templatetags.static"],
        },
    }
]

# --- data -------------------------------------------------------------------------------------

_APP_URL, DATABASE_OWNER_URL = roles.resolve(
    ENVIRONMENT, env.secret("DATABASE_URL"), env.secret("DATABASE_OWNER_URL", "")
)
DATABASES = {"default": database(_APP_URL)}
# Known to the worker of the queue `purge` alone, and opened for one batch at a time.
PURGE_DATABASE_URL = roles.purge_address(
    ENVIRONMENT, env.secret("PURGE_DATABASE_URL", ""), database_url=env.secret("DATABASE_URL")
)
# Seconds that the role app may run one statement, wait for one lock, hold a transaction idle.
DATABASE_STATEMENT_S = env.integer("DATABASE_STATEMENT_S", 60, least=1)
DATABASE_LOCK_S = env.integer("DATABASE_LOCK_S", 10, least=1)
DATABASE_IDLE_S = env.integer("DATABASE_IDLE_S", 60, least=1)
REDIS_URL = env.secret("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "smartinvoicing.cache.SharedCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {
            "serializer": "smartinvoicing.cache.JsonSerializer",
            "socket_connect_timeout": 1,
            "socket_timeout": 1,
        },
    },
    # Keys of the API, below the sixty seconds in which a revocation must count.
    "keys": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "TIMEOUT": 30},
}

MEDIA_ROOT = Path(env.text("MEDIA_ROOT", str(BASE_DIR / ".local" / "media")))
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": MEDIA_ROOT, "base_url": None},
    },
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if ENVIRONMENT != "test"
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# Where the ends of the audit trails are laid down, apart from the database and its keeper.
AUDIT_ANCHOR_DIR = env.text(
    "AUDIT_ANCHOR_DIR", "" if PRODUCTION else str(MEDIA_ROOT.parent / "anchors")
)
AUDIT_SIGNING_KEY = env.key("AUDIT_SIGNING_KEY") if env.secret("AUDIT_SIGNING_KEY", "") else None
AUDIT_PUBLIC_KEYS = env.words("AUDIT_PUBLIC_KEYS")
# Who was erased, told to a backup that does not know: never among what is backed up.
ERASURE_LEDGER_DIR = env.text(
    "ERASURE_LEDGER_DIR", "" if PRODUCTION else str(MEDIA_ROOT.parent / "erasures")
)
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 30_000  # the editor sends up to 25 a line

# --- how long things are kept (the terms themselves: privacy/deadlines.py) --------------------

TAX_KEPT_YEARS = env.integer("TAX_KEPT_YEARS", 7, least=1)
CLOSURE_PURGE_DAY: Final = 45  # promised, so no knob; `privacy/deadlines.py` counts by the same
PURGE_BATCH = env.integer("PURGE_BATCH", 500, least=1)

# --- backups (no process that serves has any use for these) -----------------------------------

BACKUP_DIR = env.text("BACKUP_DIR", "")
BACKUP_SECOND_DIR = env.text("BACKUP_SECOND_DIR", "")
BACKUP_KEY = env.secret("BACKUP_KEY", "")
BACKUP_DATABASE_URL = env.secret("BACKUP_DATABASE_URL", "")
BACKUP_KEPT_DAYS = env.integer("BACKUP_KEPT_DAYS", 35, least=1)
WAL_DIR = env.text("WAL_DIR", "")

# --- words and time ---------------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "smartinvoicing.formats"  # dates of the desk, written as on all pages
LANGUAGES = [("en", "English"), ("ur", "اردو")]
LOCALE_PATHS = [BASE_DIR / "locale"]

# --- people -----------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "accounts.passwords.LengthBetween"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "accounts.passwords.NoProductWords"},
]
LOGIN_REDIRECT_URL = "invoices:dashboard"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_RATE_LIMITS = {"login_failed": None}  # django-axes counts these
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
PASSWORD_RESET_TIMEOUT = 3600
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600  # how long a proof of being oneself holds
ACCOUNT_FORMS = {"signup": "accounts.forms.SignUpForm"}
USERSESSIONS_TRACK_ACTIVITY = False
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "SmartInvoicing"
MFA_TOTP_TOLERANCE = 1  # steps of 30 seconds that a telephone's clock may be off
MFA_ADAPTER = "accounts.adapter.FactorAdapter"
MFA_FORMS = {
    "authenticate": "accounts.forms.SignInCodeForm",
    "reauthenticate": "accounts.forms.ProofCodeForm",
}
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_RESET_ON_SUCCESS = True
AXES_USERNAME_CALLABLE = "accounts.lockout.username"
AXES_LOCKOUT_TEMPLATE = "axes/locked.html"
AXES_IPWARE_PROXY_COUNT = env.integer("TRUSTED_PROXIES", 0)
AXES_IPWARE_META_PRECEDENCE_ORDER = (
    ["HTTP_X_FORWARDED_FOR", "REMOTE_ADDR"] if (AXES_IPWARE_PROXY_COUNT) else ["REMOTE_ADDR"]
)

# --- the browser ------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_NAME = "__Host-sid" if PRODUCTION else "sid"
CSRF_COOKIE_NAME = "__Host-csrf" if PRODUCTION else "csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "privacy.views.consents.csrf_failure"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_SAVE_EVERY_REQUEST = False
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if AXES_IPWARE_PROXY_COUNT else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- the program's door -----------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api_auth.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api_auth.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["smartinvoicing.api.DecimalJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "smartinvoicing.api.on_error",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "SmartInvoicing",
    "VERSION": "1",
    "DESCRIPTION": "Issue invoices, have them reported to FBR exactly once, and read the answer.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
}

# --- FBR --------------------------------------------------------------------------------------

FBR_OFFICIAL_DI_URL: Final = "https://gw.fbr.gov.pk"
FBR_DI_URL = env.text("FBR_DI_URL", FBR_OFFICIAL_DI_URL)
FBR_OFFICIAL_POS_SANDBOX_URL: Final = "https://esp.fbr.gov.pk:8244"
FBR_OFFICIAL_POS_PRODUCTION_URL: Final = "https://gw.fbr.gov.pk"
FBR_POS_SANDBOX_URL = env.text("FBR_POS_SANDBOX_URL", FBR_OFFICIAL_POS_SANDBOX_URL)
FBR_POS_PRODUCTION_URL = env.text("FBR_POS_PRODUCTION_URL", FBR_OFFICIAL_POS_PRODUCTION_URL)
FBR_CONNECT_TIMEOUT_S = env.integer("FBR_CONNECT_TIMEOUT_S", 5, least=1)
FBR_READ_TIMEOUT_S = env.integer("FBR_READ_TIMEOUT_S", 60, least=1)
FBR_TOTAL_TIMEOUT_S = env.integer("FBR_TOTAL_TIMEOUT_S", 75, least=1)
FBR_LEASE_S = env.integer("FBR_LEASE_S", 150, least=2)
FBR_TICK_S = env.integer("FBR_TICK_S", 15, least=1)
FBR_SWEEP_S = env.integer("FBR_SWEEP_S", 30, least=1)
FBR_CONCURRENCY = env.integer("FBR_CONCURRENCY", 8, least=1)
FBR_CONCURRENCY_PER_CREDENTIAL = env.integer("FBR_CONCURRENCY_PER_CREDENTIAL", 2, least=1)
FBR_CALLS_PER_SECOND = env.integer("FBR_CALLS_PER_SECOND", 20, least=1)  # with one token
FBR_FIRST_CALLS = env.integer("FBR_FIRST_CALLS", 2, least=1)  # on a line of which nothing is known
FBR_BREAKER_FIRST_S = env.integer("FBR_BREAKER_FIRST_S", 30, least=1)
FBR_BREAKER_LONGEST_S = env.integer("FBR_BREAKER_LONGEST_S", 600, least=1)
SPOOL_DIR = Path(env.text("SPOOL_DIR", str(BASE_DIR / ".local" / "spool")))
FBR_VALIDATE_FIRST = env.boolean("FBR_VALIDATE_FIRST", default=False)
FBR_CANCEL_ENDS_WITH_MONTH = env.boolean("FBR_CANCEL_ENDS_WITH_MONTH", default=False)
FBR_CANCEL_API = env.boolean("FBR_CANCEL_API", default=False)
FBR_CANCEL_BODY = env.text("FBR_CANCEL_BODY", "")

# What a taxpayer types into IRIS about us.
SOFTWARE: Final = "SmartInvoicing"
SOFTWARE_VERSION: Final = "0.1.0"
EGRESS_ADDRESSES = env.words("EGRESS_ADDRESSES")
HOSTING_COMPANY = env.text("HOSTING_COMPANY", "")
HOSTING_COUNTRY = env.text("HOSTING_COUNTRY", "")

# --- jobs (timetable and queues: smartinvoicing/celery.py) ------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "max_retries": 0,
}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SOFT_TIME_LIMIT = env.integer("TASK_SOFT_LIMIT_S", 90, least=1)
CELERY_TASK_TIME_LIMIT = env.integer("TASK_HARD_LIMIT_S", 120, least=1)
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20 if not PRODUCTION else 90
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "documents"
CELERY_TIMEZONE = "UTC"

# --- mail -------------------------------------------------------------------------------------

EMAIL_BACKEND = (
    "smartinvoicing.mail.SmtpBackend"
    if env.text("SMTP_HOST", "")
    else "smartinvoicing.mail.LogBackend"
)
EMAIL_HOST = env.text("SMTP_HOST", "")
EMAIL_PORT = env.integer("SMTP_PORT", 587)
EMAIL_HOST_USER = env.text("SMTP_USER", "")
EMAIL_HOST_PASSWORD = env.secret("SMTP_PASSWORD", "")
EMAIL_USE_TLS = PRODUCTION
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("MAIL_FROM", "SmartInvoicing <no-reply@localhost>")

# --- who runs this, as our texts name it ------------------------------------------------------

COMPANY_NAME = env.text("COMPANY_NAME", SOFTWARE)
COMPANY_ADDRESS = env.text("COMPANY_ADDRESS", "")
PRIVACY_OFFICER = env.text("PRIVACY_OFFICER", "")
SUPPORT_EMAIL = env.text("SUPPORT_EMAIL", "")
SUPPORT_HOURS = env.text("SUPPORT_HOURS", "Mon-Fri 09:00-17:00")

# --- requests of persons ----------------------------------------------------------------------

PRIVACY_EMAIL = env.text("PRIVACY_EMAIL", "privacy@localhost")
PRIVACY_MAILDIR = env.text("PRIVACY_MAILDIR", "")
PRIVACY_IMAP_URL = env.secret("PRIVACY_IMAP_URL", "")
# Whom a person may complain to. Pakistan has no such authority by law yet, so none is named here.
PRIVACY_AUTHORITY_NAME = env.text("PRIVACY_AUTHORITY_NAME", "")
PRIVACY_AUTHORITY_ADDRESS = env.text("PRIVACY_AUTHORITY_ADDRESS", "")
PRIVACY_AUTHORITY_URL = env.text("PRIVACY_AUTHORITY_URL", "")
PRIVACY_AUTHORITY_EMAIL = env.text("PRIVACY_AUTHORITY_EMAIL", "")
PRIVACY_OWNER_EMAILS = env.words("PRIVACY_OWNER_EMAILS")
PRIVACY_BOARD_EMAILS = env.words("PRIVACY_BOARD_EMAILS")

# --- people of ours ---------------------------------------------------------------------------

STAFF_SHIFT = env.text("STAFF_SHIFT", "09-21")  # hours in Karachi
STAFF_TENANTS_AN_HOUR = env.integer("STAFF_TENANTS_AN_HOUR", 5, least=1)
STAFF_ROWS_AN_HOUR = env.integer("STAFF_ROWS_AN_HOUR", 500, least=1)

# --- the watchdog -----------------------------------------------------------------------------

OPERATOR_EMAILS = env.words("OPERATOR_EMAILS")
NTP_HOST = env.text("NTP_HOST", "")
METRICS_TOKEN = env.secret("METRICS_TOKEN", "")
WATCH_TICK_S = env.integer("WATCH_TICK_S", 60, least=1)
WATCHED_FOLDERS = env.words("WATCHED_FOLDERS", str(MEDIA_ROOT))
WAITS_LONG_MIN = env.integer("WAITS_LONG_MIN", 30, least=1)

# --- logs -------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "smartinvoicing.logs.JsonFormatter"}},
    "handlers": {"stdout": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stdout"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {
        "axes": {"level": "WARNING"},
        "celery": {"level": "INFO" if PRODUCTION else "WARNING"},
        "fontTools": {"level": "ERROR"},
        "weasyprint": {"level": "ERROR"},
        "django.server": {"handlers": ["stdout"], "level": "INFO", "propagate": False},
    },
}
LOGGING_CONFIG = "logging.config.dictConfig"
