from . import data as data
from . import evaluation as evaluation
from . import index as index
from . import losses as losses
from . import metrics as metrics
from . import models as models
from . import networks as networks
from . import preprocessing as preprocessing
from . import recipes as recipes
from . import space as space
from . import tasks as tasks
from . import training as training
from .data import load as load
from .evaluation import Report as Report
from .evaluation import evaluate as evaluate
from .space import Space as Space
from .types import Benchmark as Benchmark
from .types import Classes as Classes
from .types import Hits as Hits
from .types import Views as Views

__version__: str
