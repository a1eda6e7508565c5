"""Every exception that the package raises, with one base.

Knows nothing of what it is raised by: each error takes the values it is about and words them.
"""

from fakegpt_testkit.errors.answering import (
    AnswerCutOff,
    AnswerFailed,
    BadMessages,
    FieldMissing,
    NoLoads,
    NoValidResponse,
    ProviderError,
    StepRefused,
    TokenRefused,
    UnknownKeywords,
    WebPageAnswered,
    WrongContent,
)
from fakegpt_testkit.errors.files import CassetteChanged, CassetteError, CassetteNameRefused, StorageError
from fakegpt_testkit.errors.playing import (
    CannotBeReplayed,
    CassetteMissing,
    EffectMisplaced,
    FaultNeverApplied,
    InteractionsUnplayed,
    RequestNotRecorded,
    RequestPlayedOut,
    ResponseNotRecorded,
)
from fakegpt_testkit.errors.recording import CassetteStale, Drifted, RecordingIncomplete, VerificationIncomplete
from fakegpt_testkit.errors.root import FakeGptTestkitError, FakeGptTestkitWarning
from fakegpt_testkit.errors.settings import BadOption, MatchingRuleError, RedactionSettingError, StandInMisconfigured
from fakegpt_testkit.errors.streaming import EventNotEncodable, EventTooLarge, PayloadUnreadable
from fakegpt_testkit.errors.suites import CollectionFailed, NetworkBlocked, ReportRefused

__all__ = [
    "AnswerCutOff",
    "AnswerFailed",
    "BadMessages",
    "BadOption",
    "CannotBeReplayed",
    "CassetteChanged",
    "CassetteError",
    "CassetteMissing",
    "CassetteNameRefused",
    "CassetteStale",
    "CollectionFailed",
    "Drifted",
    "EffectMisplaced",
    "EventNotEncodable",
    "EventTooLarge",
    "FakeGptTestkitError",
    "FakeGptTestkitWarning",
    "FaultNeverApplied",
    "FieldMissing",
    "InteractionsUnplayed",
    "MatchingRuleError",
    "NetworkBlocked",
    "NoLoads",
    "NoValidResponse",
    "PayloadUnreadable",
    "ProviderError",
    "RecordingIncomplete",
    "RedactionSettingError",
    "ReportRefused",
    "RequestNotRecorded",
    "RequestPlayedOut",
    "ResponseNotRecorded",
    "StandInMisconfigured",
    "StepRefused",
    "StorageError",
    "TokenRefused",
    "UnknownKeywords",
    "VerificationIncomplete",
    "WebPageAnswered",
    "WrongContent",
]

for _name in __all__:
    globals()[_name].__module__ = __name__  # where everybody imports it from, and what a traceback says
