from .adaptation import Adaptation as Adaptation
from .answerer import Answerer as Answerer
from .captioner import Captioner as Captioner
from .conformal import Conformal as Conformal
from .explanation import explain as explain
from .few_shot import FewShot as FewShot
from .fitted import Fitted as Fitted
from .language_captioner import LanguageCaptioner as LanguageCaptioner
from .rejection import Rejection as Rejection
from .retriever import Retriever as Retriever
from .transfer import Transfer as Transfer
from .zero_shot import ZeroShot as ZeroShot

__all__: list[str]
