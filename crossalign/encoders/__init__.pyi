from .backbone import Backbone as Backbone
from .char_ngrams import CharNgrams as CharNgrams
from .dual import DualEncoder as DualEncoder
from .hog import HOG as HOG
from .onnx import ONNXEncoder as ONNXEncoder
from .pretrained import PretrainedPictures as PretrainedPictures
from .pretrained import PretrainedTexts as PretrainedTexts
from .tflite import TFLiteEncoder as TFLiteEncoder
