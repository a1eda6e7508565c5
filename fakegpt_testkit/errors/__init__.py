"""Every exception that the package raises, with one base; a file for each thing that a caller can do about them.

Knows nothing of what they are raised by: each error takes the values it is about and words them. They are loaded when
they are first used: the plugin loads with every suite, and almost no run raises one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakegpt_testkit.deferred import defer

if TYPE_CHECKING:
    from fakegpt_testkit.errors.answering import *
    from fakegpt_testkit.errors.files import *
    from fakegpt_testkit.errors.recording import *
    from fakegpt_testkit.errors.root import *
    from fakegpt_testkit.errors.settings import *
    from fakegpt_testkit.errors.suites import *
else:
    _FILES = {
        "answering": "AnswerCutOff AnswerFailed EventTooLarge FieldMissing NoLoads NoValidResponse PayloadUnreadable "
        "ProviderError StepRefused TokenRefused WebPageAnswered WrongContent",
        "files": "CassetteChanged CassetteError ReportRefused StorageError",
        "recording": "AnswerTextChanged CassetteMissing CassetteStale Drifted RecordingTooLarge RequestNotRecorded "
        "RequestPlayedOut ResponseNotRecorded SecretStays",
        "root": "FakeGptTestkitError FakeGptTestkitWarning",
        "settings": "BadMessages BadSetting CassetteNameRefused EffectMisplaced EventNotEncodable UnknownKeywords",
        "suites": "CannotBeReplayed ClientUnmet CollectionFailed FaultNeverApplied ForkRecorded InteractionsUnplayed "
        "NetworkBlocked OwnServerRecorded RecordingIncomplete RequestStopped StreamLeftOpen VerificationIncomplete",
    }
    __getattr__, __dir__ = defer(__name__, {file: names.split() for file, names in _FILES.items()})
    __all__ = __dir__()
