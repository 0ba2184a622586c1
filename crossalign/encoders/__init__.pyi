from .backbone import Backbone as Backbone
from .pretrained import PretrainedPictures as PretrainedPictures
from .pretrained import PretrainedTexts as PretrainedTexts
from .tflite import TFLiteEncoder as TFLiteEncoder
