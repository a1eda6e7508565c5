"""Every exception that the package raises, with one base; a file for each thing that a caller can do about them.

Knows nothing of what they are raised by: each error takes the values it is about and words them. They are loaded when
they are first used: the plugin loads with every suite, and almost no run raises one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakegpt_testkit.deferred import defer

if TYPE_CHECKING:
    from fakegpt_testkit.errors.answering import (
        AnswerCutOff,
        AnswerFailed,
        EventTooLarge,
        FieldMissing,
        NoLoads,
        NoValidResponse,
        PayloadUnreadable,
        ProviderError,
        StepRefused,
        TokenRefused,
        WebPageAnswered,
        WrongContent,
    )
    from fakegpt_testkit.errors.files import CassetteChanged, CassetteError, ReportRefused, StorageError
    from fakegpt_testkit.errors.recording import (
        AnswerTextChanged,
        CassetteMissing,
        CassetteStale,
        Drifted,
        RecordingTooLarge,
        RequestNotRecorded,
        RequestPlayedOut,
        ResponseNotRecorded,
        SecretStays,
    )
    from fakegpt_testkit.errors.root import FakeGptTestkitError, FakeGptTestkitWarning
    from fakegpt_testkit.errors.settings import (
        BadMessages,
        BadSetting,
        CassetteNameRefused,
        EffectMisplaced,
        EventNotEncodable,
        UnknownKeywords,
    )
    from fakegpt_testkit.errors.suites import (
        CannotBeReplayed,
        ClientUnmet,
        CollectionFailed,
        FaultNeverApplied,
        ForkRecorded,
        InteractionsUnplayed,
        NetworkBlocked,
        OwnServerRecorded,
        RecordingIncomplete,
        RequestStopped,
        StreamLeftOpen,
        VerificationIncomplete,
    )

__all__ = [
    "AnswerCutOff",
    "AnswerFailed",
    "AnswerTextChanged",
    "BadMessages",
    "BadSetting",
    "CannotBeReplayed",
    "CassetteChanged",
    "CassetteError",
    "CassetteMissing",
    "CassetteNameRefused",
    "CassetteStale",
    "ClientUnmet",
    "CollectionFailed",
    "Drifted",
    "EffectMisplaced",
    "EventNotEncodable",
    "EventTooLarge",
    "FakeGptTestkitError",
    "FakeGptTestkitWarning",
    "FaultNeverApplied",
    "FieldMissing",
    "ForkRecorded",
    "InteractionsUnplayed",
    "NetworkBlocked",
    "NoLoads",
    "NoValidResponse",
    "OwnServerRecorded",
    "PayloadUnreadable",
    "ProviderError",
    "RecordingIncomplete",
    "RecordingTooLarge",
    "ReportRefused",
    "RequestNotRecorded",
    "RequestPlayedOut",
    "RequestStopped",
    "ResponseNotRecorded",
    "SecretStays",
    "StepRefused",
    "StorageError",
    "StreamLeftOpen",
    "TokenRefused",
    "UnknownKeywords",
    "VerificationIncomplete",
    "WebPageAnswered",
    "WrongContent",
]

_FILES = {
    "answering": (
        "AnswerCutOff",
        "AnswerFailed",
        "EventTooLarge",
        "FieldMissing",
        "NoLoads",
        "NoValidResponse",
        "PayloadUnreadable",
        "ProviderError",
        "StepRefused",
        "TokenRefused",
        "WebPageAnswered",
        "WrongContent",
    ),
    "files": (
        "CassetteChanged",
        "CassetteError",
        "ReportRefused",
        "StorageError",
    ),
    "recording": (
        "AnswerTextChanged",
        "CassetteMissing",
        "CassetteStale",
        "Drifted",
        "RecordingTooLarge",
        "RequestNotRecorded",
        "RequestPlayedOut",
        "ResponseNotRecorded",
        "SecretStays",
    ),
    "root": (
        "FakeGptTestkitError",
        "FakeGptTestkitWarning",
    ),
    "settings": (
        "BadMessages",
        "BadSetting",
        "CassetteNameRefused",
        "EffectMisplaced",
        "EventNotEncodable",
        "UnknownKeywords",
    ),
    "suites": (
        "CannotBeReplayed",
        "ClientUnmet",
        "CollectionFailed",
        "FaultNeverApplied",
        "ForkRecorded",
        "InteractionsUnplayed",
        "NetworkBlocked",
        "OwnServerRecorded",
        "RecordingIncomplete",
        "RequestStopped",
        "StreamLeftOpen",
        "VerificationIncomplete",
    ),
}
__getattr__, __dir__ = defer(__name__, _FILES)
